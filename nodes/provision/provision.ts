import type { NodeDef } from 'node-red'
import { LoomError } from '../../src/errors.ts'
import { defineNode, type Msg, type NewMsg } from '../../src/nodered/define.ts'
import { wordsOf } from '../../src/nodered/hub-options.ts'
import { type HubRef, hubOf } from '../../src/nodered/hubs.ts'
import { secretsMsg } from '../../src/nodered/item-runs.ts'
import { provisioningActions } from '../../src/nodered/provisioning-actions.ts'
import { type QuestionPorts, Questions } from '../../src/nodered/provisioning-questions.ts'
import { type ProvisionConfig, type, validEnrolments, validKinds, validTemplates } from './config.ts'

type HubEvent = Parameters<Parameters<HubRef['hub']['subscribe']>[0]>[0]
type ProvisioningEvent = Extract<HubEvent, { type: 'provisioning' }>

const refusals = new Set(['DENIED', 'PENDING_APPROVAL', 'CLONE_SUSPECTED', 'CLAIM_DISABLED'])

export default defineNode<ProvisionConfig & NodeDef>(type, async (config, { node, status, emit }) => {
  const { ofKind, admittedBy } = filtersOf(config)
  status('waiting', '')
  const { hub } = await hubOf(config)
  const by = `node ${config.id}`
  let [provisioned, refused, unanswered] = [0, 0, false]
  const show = (): void => status(unanswered ? 'warn' : 'ok', `${questions?.size ?? 0} · ${provisioned} · ${refused}`)

  let questions: Questions | undefined
  const leave = hub.subscribe(event => {
    if (event.type !== 'provisioning' || !admittedBy(event)) return
    if (event.state === 'ACTIVE') {
      provisioned++
      emit([undefined, eventMsg(event)])
    } else if (refusals.has(event.state)) {
      refused++
      unanswered ||= event.code === 'PROV_HOOK_TIMEOUT'
      emit([undefined, undefined, eventMsg(event)])
    } else return
    show()
  })
  try {
    const ports: QuestionPorts = {
      wanted: request => ofKind(request.kind) && admittedBy(request),
      ask: ({ request, until }) => {
        emit({ payload: request, topic: request.kind, time: request.at, provision: { id: request.id, until } })
        show()
      },
      ended: show,
      failed: error => node.warn(error.message),
    }
    questions = await Questions.open(hub, ports, node.id)
  } catch (thrown) {
    leave()
    throw thrown
  }
  const asked = questions
  show()

  return {
    async input(msg) {
      if (msg.action === undefined) {
        const { id, until: _, ...verdict } = verdictIn(msg)
        await asked.answer(id, verdict as never) // the hub checks it
        unanswered = false
        show()
        return
      }
      const name = String(msg.action)
      const action = Object.hasOwn(provisioningActions, name) ? provisioningActions[name] : undefined
      if (!action)
        throw new LoomError('NODE_CONFIG', `action ${name.slice(0, 40)}`, {
          hint: `one of ${Object.keys(provisioningActions).join(', ')}`,
        })
      const { payload, keys, next } = await action(hub.provisioning, msg.payload, by)
      const answer = { ...msg, payload, ...(next !== undefined && { next }) }
      return [undefined, undefined, undefined, answer, keys && secretsMsg(msg, { payload: keys })]
    },
    stop: () => {
      leave()
      asked.stop()
    },
    close: removed => asked.close({ gone: removed }),
  }
})

/** NODE_CONFIG. */
function filtersOf({ kinds = [], templates, enrolments }: ProvisionConfig) {
  const wrong = !validKinds(kinds)
    ? kinds
    : !validTemplates(templates)
      ? templates
      : !validEnrolments(enrolments)
        ? enrolments
        : ''
  if (wrong !== '')
    throw new LoomError('NODE_CONFIG', String(wrong).slice(0, 80), { hint: 'kinds, names of templates, ids of enrolments' })
  const [wantedTemplates, wantedEnrolments] = [new Set(wordsOf(templates)), new Set(wordsOf(enrolments))]
  const all = wantedTemplates.size === 0 && wantedEnrolments.size === 0
  return {
    ofKind: (kind: string) => kinds.length === 0 || kinds.includes(kind),
    admittedBy: ({ template = '', enrolmentId = '' }: { template?: string; enrolmentId?: string }) =>
      all || wantedTemplates.has(template) || wantedEnrolments.has(enrolmentId),
  }
}

function eventMsg({ type: _, ...payload }: ProvisioningEvent): NewMsg {
  const { deviceId, state, at } = payload
  return { payload, topic: state, time: at, ...(deviceId !== undefined && { device: deviceId }) }
}

/** REQUEST_INVALID. */
function verdictIn({ provision }: Msg): Record<string, unknown> & { id: string } {
  const given = typeof provision === 'object' && provision !== null ? (provision as Record<string, unknown>) : {}
  if (typeof given.id === 'string' && given.id) return given as Record<string, unknown> & { id: string }
  throw new LoomError('REQUEST_INVALID', 'the message is neither a verdict nor an action', {
    hint: 'set allow in the msg.provision of a request, or msg.action',
  })
}
