import type { ActionAnswer, ActionOrder } from '../routing/action/action.ts'
import type { CourierFigures } from '../routing/action/courier.ts'
import type { Health } from '../routing/action/health.ts'

/** Where an action of a node goes, and how that is since the start of the hub. */
export interface EndpointView extends CourierFigures {
  /** id of the node */
  id: string
  name?: string
  kind: 'webhook' | 'republish'
  /** scheme and host of a webhook; `mqtt` */
  resource: string
}

/** The health of an endpoint is another one. */
export interface EndpointEvent {
  type: 'endpoint'
  at: number
  id: string
  name?: string
  resource: string
  health: Health
  waiting: number
}

/** What rules and flows do outside of the hub. */
export interface ActionsApi {
  /**
   * Carries an action out, after all that came before for the same node and host: done, on disk (`spooled`), or a dead letter for the node (reason `action` or
   * `loop`, consumer `node:{id}`). REQUEST_INVALID, STORE_LIMIT and JOURNAL_FULL if it can be kept nowhere.
   */
  perform(o: ActionOrder): Promise<ActionAnswer>
  /** Those that were used since the start of the hub, or for which messages wait. */
  endpoints(o: Record<string, never>): Promise<{ items: EndpointView[] }>
}
