import type { BrokerMetrics } from '../broker/broker-port.ts'
import type { JournalMetrics } from '../journal/journal-port.ts'
import type { EndpointView } from './hub-actions.ts'
import type { WarmMetrics } from '../storage/warm-store.ts'

interface Sample {
  labels?: Record<string, string>
  value: number
}

/** The hub's figures in the Prometheus text format, version 0.0.4. */
export function prometheusText(
  hub: string,
  o: {
    broker: BrokerMetrics
    journal: JournalMetrics
    warm: WarmMetrics
    devices: number
    methods: { open: number; late: number }
    endpoints: readonly EndpointView[]
  },
): string {
  const lines: string[] = []
  const metric = (name: string, type: 'counter' | 'gauge', help: string, samples: readonly Sample[]): void => {
    if (!samples.length) return
    lines.push(`# HELP thingloom_${name} ${help}`, `# TYPE thingloom_${name} ${type}`)
    for (const { labels = {}, value } of samples) {
      const all = Object.entries({ hub, ...labels }).map(
        ([key, text]) => `${key}="${text.replace(/[\\"\n]/g, c => (c === '\n' ? '\\n' : `\\${c}`))}"`,
      )
      lines.push(`thingloom_${name}{${all.join(',')}} ${value}`)
    }
  }
  const one = (name: string, type: 'counter' | 'gauge', help: string, value: number): void =>
    metric(name, type, help, [{ value }])
  const { broker, journal, warm } = o
  one('devices', 'gauge', 'registered devices', o.devices)
  one('connections', 'gauge', 'live device connections', broker.connections)
  one('sessions', 'gauge', 'stored sessions', broker.sessions)
  one('received_total', 'counter', 'publishes received', broker.received)
  one('delivered_total', 'counter', 'messages delivered to devices', broker.delivered)
  one('connects_refused_total', 'counter', 'refused connects', broker.refusedConnects)
  one('publishes_refused_total', 'counter', 'refused publishes', broker.refusedPublishes)
  one('messages_dropped_total', 'counter', 'messages dropped towards slow clients', broker.dropped)
  one('open_slots', 'gauge', 'publishes waiting for their acknowledgement', broker.openSlots)
  one('pending_bytes', 'gauge', 'bytes waiting for their commit', broker.pendingBytes)
  one('paused_connections', 'gauge', 'connections paused by backpressure', broker.paused)
  one('methods_open', 'gauge', 'calls of methods under way', o.methods.open)
  one('method_answers_late_total', 'counter', 'answers that nobody waited for any more', o.methods.late)
  one('journal_appended_total', 'counter', 'records appended', journal.appended)
  one('journal_bytes_total', 'counter', 'bytes appended', journal.bytes)
  one('journal_disk_bytes', 'gauge', 'size of the journal on disk', journal.diskBytes)
  one('journal_commits_total', 'counter', 'commits', journal.commits)
  one('journal_commit_ms', 'gauge', 'mean duration of a commit', journal.commitMs)
  one('journal_head_seq', 'gauge', 'newest sequence', journal.headSeq)
  one('journal_oldest_seq', 'gauge', 'oldest sequence kept', journal.oldestSeq)
  one('journal_dropped_total', 'counter', 'records dropped at the size limit', journal.dropped)
  const each = (pick: (state: JournalMetrics['consumers'][number]) => number): Sample[] =>
    journal.consumers.map(consumer => ({ labels: { consumer: consumer.name }, value: pick(consumer) }))
  metric(
    'consumer_lag',
    'gauge',
    'records behind the head',
    each(c => c.lag),
  )
  metric(
    'consumer_in_flight',
    'gauge',
    'records delivered and not acknowledged',
    each(c => c.inFlight),
  )
  metric(
    'consumer_delivered_total',
    'counter',
    'records delivered',
    each(c => c.delivered),
  )
  metric(
    'consumer_redelivered_total',
    'counter',
    'records delivered again',
    each(c => c.redelivered),
  )
  metric(
    'consumer_dead_total',
    'counter',
    'records ended as dead letters',
    each(c => c.dead),
  )
  metric(
    'consumer_gaps_total',
    'counter',
    'gaps',
    each(c => c.gaps),
  )
  const ofEach = (name: string, type: 'counter' | 'gauge', help: string, pick: (endpoint: EndpointView) => number): void =>
    metric(
      name,
      type,
      help,
      o.endpoints.map(endpoint => ({ labels: { node: endpoint.id, resource: endpoint.resource }, value: pick(endpoint) })),
    )
  ofEach('actions_done_total', 'counter', 'messages that an endpoint took', e => e.done)
  ofEach('actions_retried_total', 'counter', 'tries after the first', e => e.retries)
  ofEach('actions_dead_total', 'counter', 'messages given up', e => e.dead)
  ofEach('actions_waiting', 'gauge', 'messages on disk for an endpoint', e => e.waiting)
  ofEach('actions_up', 'gauge', '0 while an endpoint does not answer', e =>
    e.health === 'unhealthy' || e.health === 'dead' ? 0 : 1,
  )
  one('warm_rows', 'gauge', 'readings kept in the warm store', warm.rows)
  one('warm_bytes', 'gauge', 'size of the warm store', warm.bytes)
  one('warm_stored_total', 'counter', 'readings stored', warm.stored)
  one('warm_duplicates_total', 'counter', 'readings that were there already', warm.duplicates)
  return `${lines.join('\n')}\n`
}
