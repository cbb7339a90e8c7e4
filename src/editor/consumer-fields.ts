import { between } from '../fields/between.ts'
import { type ConsumerConfig, consumerDefaults } from '../fields/consumer-fields.ts'

const { consumer, devices, topics, streams, ack, start, startTime, window, batchMax, batchLingerMs, strictOrder } =
  consumerDefaults
const { repeats, repeatWindowS } = consumerDefaults

/** Fields of nodes that read telemetry from the journal, and when they are wrong. */
export const consumerProperties = {
  consumer: { value: consumer },
  devices: { value: devices },
  topics: { value: topics },
  streams: { value: streams },
  ack: { value: ack },
  start: { value: start },
  startTime: {
    value: startTime,
    validate(this: Pick<ConsumerConfig, 'start'>, value: string): boolean {
      return this.start !== 'time' || /^\d+$/.test(value) || !Number.isNaN(Date.parse(value))
    },
  },
  window: { value: window, required: true, validate: between(1, 100_000) },
  batchMax: { value: batchMax, required: true, validate: between(1, 10_000) },
  batchLingerMs: { value: batchLingerMs, required: true, validate: between(0, 60_000) },
  strictOrder: { value: strictOrder },
  repeats: { value: repeats },
  repeatWindowS: { value: repeatWindowS, required: true, validate: between(0, 604_800) },
}

/** Shows what belongs to the start, the batch and the repeats that are chosen. */
export function prepareConsumer(): void {
  const chosen = $('#node-input-start')
  chosen.on('change', () => void $('.loom-start-time').toggle(chosen.val() === 'time')).trigger('change')
  const max = $('#node-input-batchMax')
  max.on('change', () => void $('.loom-batch-linger').toggle(Number(max.val()) > 1)).trigger('change')
  const repeated = $('#node-input-repeats')
  repeated.on('change', () => void $('.loom-repeat-window').toggle(repeated.val() !== 'keep')).trigger('change')
}
