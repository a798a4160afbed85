/**
 * Devices of the router between two test points, each the near end of a cable into a network namespace of its own.
 * Reserved: router.yaml cannot name them, and the firewall lets through what goes from the first to the second.
 */
export const TEST_POINTS = ['sekisho-a', 'sekisho-b'] as const
