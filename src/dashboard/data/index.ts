import type { AgentRequest } from '../api.ts'
import type { DashboardData } from '../dashboard-data.ts'
import type { DashboardSettings } from '../settings.ts'

export function openData(_: {
  readonly settings: DashboardSettings
  readonly askAgent: (request: AgentRequest) => Promise<unknown>
}): Promise<DashboardData> {
  return Promise.reject(new Error('not there yet'))
}
