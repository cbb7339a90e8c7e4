import type { NodeDef } from 'node-red'
import { LoomError } from '../../src/errors.ts'
import { type ConfigurationFields, configurationActions, configurationIdOf } from '../../src/nodered/configuration-actions.ts'
import { ConfigurationProgress, type ConfigurationStep } from '../../src/nodered/configuration-progress.ts'
import { defineNode, type Msg } from '../../src/nodered/define.ts'
import { hubOf } from '../../src/nodered/hubs.ts'
import { typedValue } from '../../src/nodered/typed.ts'
import { type ConfigurationConfig, numberIn, type, validCanary, validPriority } from './config.ts'

export default defineNode<ConfigurationConfig & NodeDef>(type, async (config, { node, RED, status, emit }) => {
  const { action: chosen = 'put', configuration = 'configuration', configurationType = 'msg', dialect = 'aws' } = config
  const { query = '', queryType = 'str', desired = '{}', desiredType = 'json' } = config
  const { priority = 0, canary = '', progress: told = 'own' } = config
  if (!validPriority(priority))
    throw new LoomError('NODE_CONFIG', `priority ${priority}`, { hint: 'an integer of -1,000,000 to 1,000,000' })
  if (!validCanary(canary)) throw new LoomError('NODE_CONFIG', `share ${canary}`, { hint: 'percent, above 0 to 100' })
  status('waiting', '')
  const { hub } = await hubOf(config)
  status('ok', '')
  const typed = (value: string, kind: string, msg: Msg): Promise<unknown> => typedValue(RED, node, { value, type: kind }, msg)

  const progress = new ConfigurationProgress({
    hub,
    all: told === 'all',
    now: Date.now,
    tell(step) {
      show(step)
      const { id, counts, done, at } = step
      emit([undefined, { payload: { ...counts, done }, topic: 'progress', configuration: id, time: at }])
    },
  })
  const show = ({ id, counts, done }: ConfigurationStep): void => {
    const { targeted, held, overruled, converged, failed } = counts
    status(failed ? 'warn' : done ? 'ok' : 'busy', `${id} · ${converged} / ${targeted - held - overruled}`)
  }
  if (told === 'all') void progress.begin()

  /** The fields are of the action that is set, for that one alone. */
  const fieldsFor = async (action: string, msg: Msg): Promise<ConfigurationFields> => {
    const share = numberIn(canary)
    const set = { dialect, ...(share !== undefined && { canary: share }) }
    if (action !== chosen) return { dialect }
    if (action !== 'put') return set
    const rank = numberIn(priority)
    return {
      ...set,
      ...(rank !== undefined && { priority: rank }),
      query: await typed(query, queryType, msg),
      desired: await typed(desired, desiredType, msg),
    }
  }

  return {
    async input(msg, send) {
      const name = typeof msg.action === 'string' ? msg.action : chosen
      const action = Object.hasOwn(configurationActions, name) ? configurationActions[name] : undefined
      if (!action)
        throw new LoomError('NODE_CONFIG', `action ${name.slice(0, 40)}`, {
          hint: `one of ${Object.keys(configurationActions).join(', ')}`,
        })
      const { payload } = msg
      const by = `node ${config.id}`
      const set = await fieldsFor(name, msg)
      if (name === 'list') {
        const all = await action(hub.configurations, { id: '', payload, set, by })
        status('ok', String((all as unknown[]).length))
        return { ...msg, payload: all }
      }
      const id = configurationIdOf(await typed(configuration, configurationType, msg), payload)
      const answer = await action(hub.configurations, { id, payload, set, by })
      status('ok', id)
      send({ ...msg, payload: answer, configuration: id })
      if (name === 'delete') progress.forget(id)
      if (name === 'put' || name === 'promote') await progress.follow(id)
    },
    stop: () => progress.close(),
  }
})
