import type { EditorRED } from 'node-red'
import { typedInputs } from '../../src/editor/typed-inputs.ts'
import type { QueryConfig } from './config.ts'

declare const RED: EditorRED

const typedFields = {
  devices: ['str', 'msg', 'flow', 'global', 'json', 'jsonata', 'env'],
  points: ['str', 'msg', 'flow', 'global', 'json', 'jsonata', 'env'],
  from: ['str', 'num', 'msg', 'flow', 'global', 'jsonata', 'env'],
  to: ['str', 'num', 'msg', 'flow', 'global', 'jsonata', 'env'],
} as const

const atLeastOne = (value: unknown) => Number.isInteger(Number(value)) && Number(value) >= 1

RED.nodes.registerType<QueryConfig>('loom-query', {
  category: 'IoT insights',
  color: '#c0deed',
  icon: 'query.svg',
  inputs: 1,
  outputs: 1,
  defaults: {
    name: { value: '' },
    hub: { value: '', type: 'loom-hub', required: true },
    kind: { value: 'range' },
    devices: { value: 'device' },
    devicesType: { value: 'msg' },
    points: { value: '' },
    pointsType: { value: 'str' },
    from: { value: '-1h' },
    fromType: { value: 'str' },
    to: { value: '' },
    toType: { value: 'str' },
    everyMs: { value: 60_000, required: true, validate: atLeastOne },
    maxPoints: { value: 500, required: true, validate: atLeastOne },
    fn: { value: 'avg' },
    shape: { value: 'minmax' },
    order: { value: 'asc' },
    limit: { value: 1000, required: true, validate: v => atLeastOne(v) && Number(v) <= 10_000 },
    answer: { value: 'one' },
  },
  paletteLabel: 'query',
  label() {
    return this.name || this._(`query.kind.${this.kind || 'range'}`)
  },
  oneditprepare() {
    typedInputs(typedFields, field => this._(`query.${field}`))
    const kind = $('#node-input-kind')
    kind
      .on('change', () => {
        $('.loom-query-part').hide()
        $(`.loom-query-${kind.val()}`).show()
      })
      .trigger('change')
  },
})
