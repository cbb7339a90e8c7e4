import { deviceRoutes } from './device-routes.ts'
import { hubRoutes, runtimeRoutes } from './hub-routes.ts'
import type { Route } from './route.ts'
import { telemetryRoutes } from './telemetry-routes.ts'

/** The admin API: what is served, checked and documented. */
export const routes: readonly Route[] = [...runtimeRoutes, ...hubRoutes, ...deviceRoutes, ...telemetryRoutes]
