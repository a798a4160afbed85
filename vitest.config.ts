import { defineConfig } from 'vitest/config'

// A list that should be empty is told whole, and not by its length.
const common = { chaiConfig: { truncateThreshold: 2000 } }
// Real parts take seconds; one file at a time, so that two cores are enough and nobody waits in vain.
const real = { ...common, fileParallelism: false, testTimeout: 120_000, hookTimeout: 600_000 }

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...common,
          name: 'unit',
          include: ['src/**/*.test.ts', 'tests/unit/**/*.test.ts'],
          // Both cores; vitest would leave one free.
          maxWorkers: 2,
          // Against hangs only: a busy machine is slow, and no test here measures time.
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      // Single parts for real (a ruleset in namespaces, a module in its image), with no lab.
      { test: { name: 'parts', include: ['tests/parts/**/*.test.ts'], ...real } },
      // A whole router at work: every file shares one lab.
      {
        test: {
          name: 'lab',
          include: ['tests/lab/**/*.test.ts'],
          globalSetup: 'tests/lab/setup.ts',
          ...real,
        },
      },
      // Debian machines that are to become a router, each file's own.
      { test: { name: 'bare', include: ['tests/bare/**/*.test.ts'], ...real } },
      // The lab with the router in a virtual machine, where a kernel of its own is what it is about.
      {
        test: {
          name: 'vm',
          include: ['tests/vm/**/*.test.ts'],
          globalSetup: 'tests/vm/setup.ts',
          ...real,
          testTimeout: 1_200_000,
          hookTimeout: 1_200_000,
        },
      },
    ],
  },
})
