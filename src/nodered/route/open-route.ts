import type { Node, NodeDef } from 'node-red'
import { LoomError } from '../../errors.ts'
import type { RuleRow } from '../../routing/rule-row.ts'
import { loadLinearRegex } from '../../runtime/linear-regex.ts'
import { createRulePorts } from '../../runtime/rule-ports.ts'
import type { Behaviour, Context, Msg, NewMsg } from '../define.ts'
import { deliveries } from '../delivery.ts'
import { hubOf } from '../hubs.ts'
import { externalsOf, twinFor } from './externals.ts'
import { hotRulesOf, savedRulesOf } from './hot-rules.ts'
import { HubSide } from './hub-side.ts'
import { intakeOf } from './intake.ts'
import { linkCalls } from './link-call.ts'
import { outputsOfNode } from './outputs.ts'
import type { RouteFields } from './route-fields.ts'
import { type RouteNode, type RouteSummary, routeNodes, viewsOf } from './route-nodes.ts'
import { showRoute } from './route-status.ts'
import { Router } from './router.ts'
import { protobufOf } from './rule-schemas.ts'
import { type RowFault, RuleTable } from './rule-table.ts'
import { Seen } from './seen.ts'
import { SentDeliveries } from './sent-deliveries.ts'

const linkCallMs = 2000

/** A node with rules: HUB_MISSING, NODE_CONFIG; a rule that cannot be read keeps no other one back. */
export async function openRoute(fields: RouteFields & NodeDef, { node, RED, status, emit }: Context): Promise<Behaviour> {
  const { id, type, name = '' } = fields
  const logic = fields.strict ? 'strict' : 'three-valued'
  const fromHub = fields.from === 'hub'
  const rows = savedRulesOf(fields.ruleSet ? rulesOfSet(RED.nodes.getNode(fields.ruleSet), fields.ruleSet) : fields.rules)
  const configured = outputsOfNode(fields, rows)
  let hotOutputs: ReadonlyMap<string, number> = new Map()
  const outputOf = (rowId: string): number | undefined => hotOutputs.get(rowId) ?? configured.of(rowId)

  status('waiting', '')
  const ports = createRulePorts({ linear: await loadLinearRegex() })
  const hub = fields.hub || fromHub ? await hubOf(fields) : undefined
  const consumer = fromHub ? fields.consumer?.trim() || id : `node:${id}`
  const table = routeNodes.tableOf(id, logic) ?? new RuleTable({ logic, ports })
  const protobuf = hub && (await protobufOf(hub.hub, thrown => node.error(LoomError.from(thrown))))
  table.protobuf = protobuf
  table.ask = externalsOf({ hub: hub?.hub, callLink: linkCalls(RED, node, linkCallMs), now: Date.now })

  const seen = new Seen()
  const sent = new SentDeliveries(thrown => node.error(LoomError.from(thrown)))
  const figures: Pick<RouteSummary, 'seen' | 'lastError'> = { seen: 0 }
  const router = new Router({
    table,
    outputs: { ...configured, of: outputOf },
    deliver: fields.deliver === 'first' ? 'first' : 'all',
    source: { id, type, ...(name && { name }) },
    // Read each time: wires may change without a restart of the node.
    wired: output => Boolean((node as { wires?: string[][] }).wires?.[output]?.length),
    clone: msg => RED.util.cloneMessage(msg as never) as NewMsg,
    now: Date.now,
    ...(hub && { twinOf: twinFor(hub.hub), letters: { hub: hub.hub, consumer, node: id } }),
    seen: (item, matched) => {
      figures.seen++
      seen.add(item, matched, Date.now())
    },
    failed: ({ rule = '', error }) => {
      const { code = 'NODE_FAULT', message } = error as LoomError
      figures.lastError = { at: Date.now(), rule, code, message }
    },
    sent: delivery => sent.add(delivery),
  })
  const apply = (next: readonly RuleRow[]): void => {
    for (const fault of table.replace(next)) node.error(named(fault))
  }
  apply(rows)
  const gap = (missing: { from: number; to: number; reason: string }): void =>
    node.warn(RED._('route.runtime.gap', { ...missing } as never))
  const hubSide = hub && (await HubSide.open({ fields, hub, consumer, table, router, node, emit, gap }))

  const put = (given: unknown): void => {
    const { rows: next, outputs } = hotRulesOf(given, table.rows)
    for (const { id: rowId, name: rule } of next) {
      const output = outputs.get(rowId) ?? outputOf(rowId)
      if (output === undefined || output >= configured.rules)
        throw new LoomError('NODE_CONFIG', `rule ${rule.slice(0, 60)} has none of the ${configured.rules} outputs of rules`, {
          hint: 'give it the id or name of a rule that has one, or the number of an output',
        })
    }
    hotOutputs = new Map([...hotOutputs, ...outputs])
    apply(next)
    hubSide?.follow()
  }
  const obey = async ({ rules, delivery }: Msg): Promise<void> => {
    put(rules)
    await deliveries.acknowledge(delivery)
    const [fault] = table.faults
    if (fault) throw named(fault)
  }

  const routeNode: RouteNode = {
    summary: () => ({
      node: id,
      name,
      ...(hub && { hub: hub.hubId }),
      rules: table.rows.length,
      failed: table.faults.length,
      patternTimeouts: table.patternTimeouts,
      ...figures,
    }),
    rules: () => viewsOf(table, outputOf),
    recent: () => seen.messages,
    put,
  }
  routeNodes.enter(id, routeNode)
  const leave = showRoute({
    ...{ table, figures, status, hub: hub?.hub },
    lag: () => hubSide?.lag ?? 0,
    repeats: () => hubSide?.repeats ?? 0,
  })

  return {
    input: (msg, send) => (Array.isArray(msg.rules) ? obey(msg) : router.route(intakeOf(msg), send)),
    stop() {
      leave()
      sent.stop()
      hubSide?.stop()
    },
    async close(removed) {
      routeNodes.leave(id, routeNode, removed ? undefined : table)
      protobuf?.close()
      await hubSide?.close(removed)
    },
  }
}

function rulesOfSet(set: Node | null | undefined, id: string): unknown {
  const { rules } = (set ?? {}) as { rules?: unknown }
  if (Array.isArray(rules)) return rules
  throw new LoomError('NODE_CONFIG', `no rules at ${id.slice(0, 60)}`, { hint: 'choose a set of rules in the node and deploy' })
}

/** The error of a rule with its name in the text. */
function named({ row, error: cause }: RowFault): LoomError {
  const { code, message, hint, position } = cause
  const error = new LoomError(code, '', {
    cause,
    ...(hint !== undefined && { hint }),
    ...(position !== undefined && { position }),
  })
  return Object.assign(error, { message: `${row.name}: ${message}` })
}
