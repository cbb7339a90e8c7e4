import type { ErrorCode } from '../errors.ts'
import type { StateStore, Write } from '../storage/state-store.ts'
import type { AllowLists } from './allow-list.ts'
import type { Approvals } from './approval.ts'
import type { Attested } from './attest.ts'
import type { ProvisioningState } from './dps-state.ts'
import type { EnrolmentKind } from './enrolment.ts'
import type { Enrolments } from './enrolments.ts'
import type { DeviceWriter, ProvisioningHook } from './provisioning-port.ts'

export type Substatus = 'initialAssignment' | 'deviceDataMigrated' | 'deviceDataReset' | 'reprovisionedToInitialAssignment'

/** What a registration id has become. */
export interface Registration {
  /** as first sent */
  registrationId: string
  enrolmentId: string
  enrolmentKind: EnrolmentKind
  deviceId: string
  /** as allocated: `self` or `host[:port]` */
  hub: string
  /** what the device dials */
  assignedHub: string
  substatus: Substatus
  kind: 'sas' | 'x509'
  fingerprint?: string
  spkiHash?: string
  /** from the verdict, for the device */
  payload?: unknown
  createdAt: number
  updatedAt: number
  etag: string
}

export interface Failure {
  code: ErrorCode
  /** short, fit for the device */
  message: string
}

/** A registration under way or just ended, as its device may see it. */
export interface OperationView {
  operationId: string
  registrationId: string
  status: 'assigning' | 'assigned' | 'failed'
  /** while assigning: when to ask again */
  retryAfterS?: number
  registration?: Registration
  failure?: Failure
  kind: 'sas' | 'x509'
  /** epoch ms */
  createdAt: number
  updatedAt: number
  etag: string
}

/** A step of a registration, for audit and the event stream; no secret and no payload in it. */
export interface ProvisioningEvent {
  type: 'state' | 'clone-suspected' | 'fault'
  state: ProvisioningState
  operationId: string
  registrationId: string
  enrolmentId: string
  deviceId?: string
  hub?: string
  substatus?: Substatus
  code?: ErrorCode
  reason?: string
  /** the device, or the person who decided */
  by: string
  ip: string
  /** epoch ms */
  at: number
}

export interface DpsPorts {
  /** of the identities */
  store: StateStore
  enrolments: Enrolments
  allowLists: Pick<AllowLists, 'match'>
  /** devices of this hub */
  devices: DeviceWriter
  /** Devices of another hub, if it can be reached from here. Without it an identity there is somebody else's work, told by the event. */
  devicesOf?: (hub: string) => DeviceWriter | undefined
  hook: ProvisioningHook
  /** `host[:port]` under which a device reaches this hub */
  thisHub(o: { sniHost?: string }): string
  /** Called after the step is durable. */
  events(event: ProvisioningEvent): void
  /** Writes of the same store that become durable together with the step, for an audit outbox. */
  also?(event: ProvisioningEvent): readonly Write[]
  now: () => number
  random: (size: number) => Buffer
  /** Runs it once after the time; the returned function takes it back. */
  schedule: (ms: number, run: () => void) => () => void
  limits?: {
    /** operations worked on at a time, default 8 */
    concurrent?: number
    /** unfinished operations, default 1000; more is PROV_THROTTLED */
    open?: number
  }
}

/** Azure's device provisioning, without its wire. */
export interface Dps extends Approvals {
  /**
   * Starts a registration, or goes on with the one under way. `body`: the parsed request. REQUEST_INVALID, PROV_NO_ENROLMENT, PROV_DISABLED,
   * CRED_UNKNOWN if the enrolment was changed since it admitted the device, PROV_THROTTLED.
   */
  register(who: Attested, o: { body?: unknown; ip: string; sniHost?: string }): Promise<OperationView>
  /** PROV_NO_OPERATION for an id that is not this registration's newest, or was forgotten an hour after its end. */
  status(who: Attested, o: { operationId: string }): Promise<OperationView>
  /** What became of the registration id at last. PROV_NO_OPERATION if it never was assigned by this proof and an enabled enrolment. */
  lookup(who: Attested): Promise<Registration>
  /** By registration id, ascending; what a verdict gave a device is the device's alone. */
  registrations(o?: {
    enrolmentId?: string
    deviceId?: string
    limit?: number
    cursor?: string
  }): Promise<{ items: Omit<Registration, 'payload'>[]; next?: string }>
  /** The next registration counts as the first; the device is not touched. */
  forget(registrationId: string, o?: { by?: string; also?: readonly Write[] }): Promise<void>
  /** Ends what waited for an hour, removes what ended an hour ago. To be called every minute or so. */
  sweep(): Promise<void>
  /** Resolves when nothing is being worked on; what waits for a verdict is not. */
  idle(): Promise<void>
  /** Ends work; unfinished operations go on when the service is created again. */
  close(): Promise<void>
}
