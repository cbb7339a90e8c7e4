import { LoomError } from '../../errors.ts'
import type { EnrolmentChange, EnrolmentKind, EnrolmentRequest } from '../../provisioning/enrolment.ts'
import { keySlot } from './pki-schemas.ts'
import { enrolmentPatch, newEnrolment } from './provisioning-schemas.ts'
import { type HubRoute, pageAsked, paging } from './route.ts'
import { pageOf, refTo, textTo } from './shapes.ts'

const admin = 'thingloom.admin.write'
const reply = { description: 'the enrolment, and keys that were made or given', schema: refTo('EnrolmentReply') }

export const enrolmentRoutes: HubRoute[] = [
  {
    method: 'get',
    path: '/thingloom/{hub}/enrolments',
    id: 'listEnrolments',
    summary: 'Who may register by DPS, by id',
    permission: 'thingloom.read',
    query: { kind: { type: 'string', enum: ['individual', 'group'] }, ...paging },
    answers: { 200: { description: 'a page', schema: pageOf(refTo('Enrolment')) } },
    run: async ({ on: hub, args }) => {
      const kind = args.kind !== undefined && { kind: args.kind as EnrolmentKind }
      return { body: await hub.provisioning.enrolments({ ...pageAsked(args), ...kind }) }
    },
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/enrolments',
    id: 'createEnrolment',
    summary: 'Makes an enrolment; its keys are in this answer, once',
    permission: admin,
    body: newEnrolment,
    answers: { 201: reply },
    secret: true,
    run: async ({ on: hub, body, by }) => {
      const made = await hub.provisioning.createEnrolment({ enrolment: body as EnrolmentRequest, by })
      return { status: 201, body: made, etag: made.enrolment.etag }
    },
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/enrolments/{enrolment}',
    id: 'getEnrolment',
    summary: 'An enrolment, without its keys',
    permission: 'thingloom.read',
    answers: { 200: { description: 'the enrolment', schema: refTo('Enrolment') } },
    run: async ({ on: hub, args }) => {
      const view = await hub.provisioning.enrolment({ id: args.enrolment as string })
      if (!view) throw new LoomError('PROV_NO_ENROLMENT', `"${args.enrolment}"`)
      return { body: view, etag: view.etag }
    },
  },
  {
    method: 'patch',
    path: '/thingloom/{hub}/enrolments/{enrolment}',
    id: 'updateEnrolment',
    summary: 'Changes an enrolment; null clears what is optional. Its devices stay as they are',
    permission: admin,
    body: enrolmentPatch,
    conditional: true,
    answers: { 200: reply },
    secret: true,
    run: async ({ on: hub, args, body, etag, by }) => {
      const change = { id: args.enrolment as string, change: body as EnrolmentChange, by }
      const changed = await hub.provisioning.updateEnrolment({ ...change, ...(etag && { etag }) })
      return { body: changed, etag: changed.enrolment.etag }
    },
  },
  {
    method: 'delete',
    path: '/thingloom/{hub}/enrolments/{enrolment}',
    id: 'deleteEnrolment',
    summary: "Removes an enrolment; devices with keys derived from a group's cannot connect any more",
    permission: admin,
    conditional: true,
    answers: { 204: { description: 'deleted' } },
    run: async ({ on: hub, args, etag, by }) => {
      await hub.provisioning.deleteEnrolment({ id: args.enrolment as string, by, ...(etag && { etag }) })
      return { status: 204 }
    },
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/enrolments/{enrolment}/keys',
    id: 'renewEnrolmentKey',
    summary: 'A new key in one slot of an enrolment; the other goes on. Both are in this answer, once',
    permission: admin,
    body: keySlot,
    conditional: true,
    answers: { 200: reply },
    secret: true,
    run: async ({ on: hub, args, body, etag, by }) => {
      const { slot } = body as { slot: 'primary' | 'secondary' }
      const asked = { id: args.enrolment as string, slot, by, ...(etag && { etag }) }
      const renewed = await hub.provisioning.renewEnrolmentKey(asked)
      return { body: renewed, etag: renewed.enrolment.etag }
    },
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/registrations',
    id: 'listRegistrations',
    summary: 'What registration ids have become, by id; those of one `enrolmentId` or `deviceId`',
    permission: 'thingloom.read',
    query: { enrolmentId: textTo(128), deviceId: textTo(128), ...paging },
    answers: { 200: { description: 'a page', schema: pageOf(refTo('Registration')) } },
    run: async ({ on: hub, args }) => {
      const { enrolmentId, deviceId } = args as { enrolmentId?: string; deviceId?: string }
      const which = { ...(enrolmentId !== undefined && { enrolmentId }), ...(deviceId !== undefined && { deviceId }) }
      return { body: await hub.provisioning.registrations({ ...pageAsked(args), ...which }) }
    },
  },
  {
    method: 'delete',
    path: '/thingloom/{hub}/registrations/{registration}',
    id: 'forgetRegistration',
    summary: 'Forgets a registration: the next one counts as the first. The device is not touched',
    permission: 'thingloom.write',
    answers: { 204: { description: 'forgotten' } },
    run: async ({ on: hub, args, by }) => {
      await hub.provisioning.forgetRegistration({ registrationId: args.registration as string, by })
      return { status: 204 }
    },
  },
]
