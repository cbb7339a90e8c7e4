/**
 * Every expected failure, `code -> [HTTP status, English text]`. Codes are public: Catch nodes, help, HTTP answers and scripts
 * rely on them, so they are never renamed. A text names what is wrong; the detail and hint name the value and the remedy.
 */
export const codes = {
  NODE_BUSY: [503, 'too many messages are waiting'],
  NODE_CLOSED: [503, 'the node is stopping'],
  NODE_FAULT: [500, 'unexpected failure'],
  NODE_CONFIG: [400, 'the node is not configured correctly'],
  REQUEST_INVALID: [400, 'the request is not valid'],
  REQUEST_TOO_LARGE: [413, 'the body of the request is too large'],
  REQUEST_FOREIGN: [403, 'the request comes from a page of another site'],
  REQUEST_TYPE: [415, 'the content type of the request is not the expected one'],
  METHOD_NOT_ALLOWED: [405, 'that method is not offered here'],
  NOT_FOUND: [404, 'there is nothing here by that name'],

  HUB_DOWN: [503, 'the hub is not running'],
  HUB_TIMEOUT: [504, 'the hub did not answer in time'],
  HUB_FAILED: [503, 'the hub failed repeatedly and waits before its next start'],
  HUB_NODE_VERSION: [500, 'this version of Node.js is too old for the hub'],
  HUB_KEY_MISMATCH: [500, 'the hub key does not open the secrets of this data folder'],
  HUB_CONFIG_INVALID: [400, 'the hub is not configured correctly'],
  HUB_ID_TAKEN: [409, 'another hub of this runtime has that id'],
  HUB_MISSING: [400, 'no hub is chosen'],

  BROKER_BACKPRESSURE: [503, 'the connection was closed because the journal could not keep up'],
  BROKER_PACKET_TOO_LARGE: [413, 'an MQTT packet is larger than allowed'],
  BROKER_THROTTLED: [429, 'too many messages or connections'],
  BROKER_GUARD_MISSING: [500, 'the packet size guard of the broker does not work with this library version'],
  BROKER_PORT_TAKEN: [500, 'a listener cannot open its port'],
  BROKER_PLAINTEXT: [400, 'an unencrypted listener beyond this machine needs allowPlaintext'],
  BROKER_DISCONNECTED: [409, 'the connection is not there any more'],
  BROKER_PROTOCOL: [400, 'the client broke the MQTT protocol'],

  JOURNAL_FULL: [507, 'the journal has reached its size limit or the disk is full'],
  JOURNAL_TRIMMED: [410, 'that part of the journal is no longer kept'],
  JOURNAL_CONSUMER_EXISTS: [409, 'another live consumer has that name'],
  JOURNAL_CORRUPT: [500, 'a journal file is damaged'],
  JOURNAL_CLOSED: [503, 'the journal is closed'],
  JOURNAL_FAILED: [500, 'the journal could not be read or written'],
  DELIVERY_EXHAUSTED: [504, 'the record was delivered as often as allowed and never acknowledged'],

  STORE_LOCKED: [409, 'another hub already uses this data folder'],
  STORE_READ_ONLY: [500, 'the data folder cannot be written'],
  STORE_VERSION_CONFLICT: [409, 'the document was changed by someone else'],
  STORE_NOT_FOUND: [404, 'no such document'],
  STORE_NOT_INDEXED: [400, 'the query uses a path that has no index'],
  STORE_QUERY_INVALID: [400, 'the query is not valid'],
  STORE_LIMIT: [507, 'the store has reached its limit'],
  STORE_ADAPTER_MISSING: [500, 'no store of that kind exists'],
  STORE_QUERY_TOO_LARGE: [413, 'the query covers too many rows'],
  STORE_CORRUPT: [500, 'a store file is damaged'],
  STORE_KEY_MISSING: [500, 'the key that opens this store is missing'],
  STORE_CLOSED: [503, 'the store is closed'],
  DRIVER_MISSING: [500, 'an optional package is not installed'],
  CODEC_UNAVAILABLE: [500, 'the package that reads this format is not installed'],
  CODEC_FORMAT: [400, 'the bytes are not in the expected format'],
  CODEC_TRUNCATED: [400, 'the bytes end too early'],
  CODEC_LIMIT: [413, 'the payload is larger, deeper or longer than allowed'],
  CODEC_INVALID: [400, 'the value does not fit its schema'],
  CODEC_UNBORN: [400, 'no birth says what the data means'],
  SCHEMA_UNKNOWN: [404, 'no schema is registered for that fingerprint or id'],
  SCHEMA_INVALID: [400, 'the schema is not valid'],
  SCHEMA_INCOMPATIBLE: [409, 'the schema is not compatible with the ones before it'],
  SCHEMA_NOT_FOUND: [404, 'no such schema'],
  SCHEMA_DELETED: [404, 'the schema is deleted already'],
  SCHEMA_NOT_DELETED: [409, 'only a schema that is deleted already can be deleted for good'],
  SCHEMA_REFERENCED: [409, 'another schema refers to the schema'],
  SCHEMA_LIMIT: [413, 'the schema is larger than allowed, or there are as many as allowed'],

  RULE_SYNTAX: [400, 'the rule cannot be read'],
  RULE_FUNCTION: [400, 'the rule calls a function that does not exist'],
  RULE_UNSUPPORTED: [400, 'the rule uses something that is not offered'],
  RULE_VARIABLE: [400, 'the rule defines or uses a variable wrongly'],
  RULE_TOPIC: [400, 'the topic filter of the rule is not valid'],
  RULE_LIMIT: [413, 'the rule is larger or deeper than allowed'],
  RULE_NOT_FOUND: [404, 'no such rule'],
  ROUTE_LIMIT: [413, 'the output of a rule is larger than allowed'],
  ROUTE_TEMPLATE: [400, 'a template of the rule has no value for a part that needs one'],
  ROUTE_EXTERNAL: [502, 'a function of the rule got no answer'],
  ROUTE_ACTION: [502, 'the action of a rule failed'],
  ROUTE_LOOP: [409, 'a rule sends messages to itself'],

  IDENTITY_EXISTS: [409, 'a device with that id exists'],
  IDENTITY_NOT_FOUND: [404, 'no such device'],
  IDENTITY_CONFLICT: [409, 'the identity was changed by someone else'],
  IDENTITY_INVALID: [400, 'the device id or record is not valid'],
  IDENTITY_DISABLED: [403, 'the device is disabled'],
  IDENTITY_RETIRED: [410, 'the device is retired'],
  CRED_INVALID: [400, 'the credential is not valid'],
  CRED_EXPIRED: [401, 'the credential has expired'],
  CRED_REVOKED: [401, 'the credential was revoked'],
  CRED_LIMIT: [409, 'the device has as many credentials as allowed'],
  CRED_NOT_FOUND: [404, 'no such credential'],
  CRED_TAKEN: [409, 'another device has that credential'],
  CRED_MISSING: [401, 'no credential was presented'],
  CRED_UNKNOWN: [401, 'the credential is not registered'],
  CRED_NOT_YET_VALID: [401, 'the credential is not valid yet'],
  CRED_ISSUER_DOWN: [503, 'the keys of a token issuer cannot be fetched now'],
  ISSUER_INVALID: [400, 'the token issuer is not valid'],
  ISSUER_CONFLICT: [409, 'the token issuer was changed by someone else, or another has its name'],
  CLIENT_ID_REFUSED: [403, 'the client id does not belong to the device'],
  POLICY_INVALID: [400, 'the policy is not valid'],
  POLICY_DENIED: [403, 'the policy does not allow this'],
  POLICY_NOT_FOUND: [404, 'no such policy'],
  POLICY_EXISTS: [409, 'a policy with that id exists'],
  POLICY_CONFLICT: [409, 'the policy was changed by someone else'],
  POLICY_ATTACHED: [409, 'the policy is attached'],
  POLICY_LIMIT: [409, 'as many policies are attached as allowed'],

  GROUP_INVALID: [400, 'the group id is not valid'],
  GROUP_NOT_FOUND: [404, 'no such group'],
  GROUP_EXISTS: [409, 'a group with that id exists'],
  GROUP_CONFLICT: [409, 'the group was changed by someone else'],
  GROUP_NOT_EMPTY: [409, 'the group has members or groups below it'],
  GROUP_LIMIT: [409, 'there are as many groups or levels as allowed'],
  ENTITY_CYCLE: [409, 'nothing can be inside itself'],
  GROUP_DYNAMIC: [409, 'the members of this group come from its query, and it carries no policies'],
  QUERY_SYNTAX: [400, 'the fleet query cannot be read'],
  QUERY_LIMIT: [413, 'the fleet query is larger than allowed, or asks for what is not kept'],

  PKI_KEY_REFUSED: [400, 'that kind of key is not accepted'],
  PKI_KEY_REUSED: [409, 'that key belongs to another certificate'],
  PKI_SUBJECT_MISMATCH: [400, 'the request names another subject'],
  PKI_SUBJECT_TOO_LONG: [400, 'a common name has at most 64 characters'],
  PKI_CSR_INVALID: [400, 'the certificate request is not valid'],
  PKI_CA_INVALID: [400, 'the CA certificate is not valid'],
  PKI_CA_EXISTS: [409, 'that CA is already there'],
  PKI_CA_KEY_MISSING: [409, 'the private key of that CA is not here'],
  PKI_PROOF_FAILED: [400, 'possession of the private key of the CA is not proved'],
  PKI_CHAIN_INVALID: [401, 'the certificate chain is not valid'],
  PKI_CRL_INVALID: [400, 'the revocation list is not valid'],

  PROV_INVALID: [400, 'the enrolment, list or verdict is not valid'],
  PROV_EXISTS: [409, 'an enrolment, template or claim by that name or for that device exists'],
  PROV_CONFLICT: [409, 'the enrolment, template or claim was changed by someone else'],
  PROV_LIMIT: [409, 'there are as many enrolments or entries as allowed'],
  PROV_NO_ENROLMENT: [404, 'no enrolment admits this device'],
  PROV_NO_OPERATION: [404, 'no such registration operation'],
  PROV_DISABLED: [403, 'the enrolment, template or claim is disabled'],
  PROV_DENIED: [403, 'the registration was refused'],
  PROV_HOOK_TIMEOUT: [504, 'nobody answered the provisioning request in time'],
  PROV_QUOTA: [403, 'the enrolment, template or claim has as many devices as allowed'],
  PROV_THROTTLED: [429, 'too many registrations are waiting'],
  PROV_NO_TEMPLATE: [404, 'no such provisioning template'],
  PROV_TEMPLATE_INVALID: [400, 'the provisioning template is not valid'],
  PROV_PARAMETER_MISSING: [400, 'a parameter of the provisioning template has no value'],
  PROV_PARAMETER_INVALID: [400, 'a parameter of the provisioning template has no usable value'],
  PROV_TOKEN_INVALID: [400, 'the certificate ownership token is not valid'],
  PROV_NO_CLAIM: [404, 'no such claim'],
  PROV_CSR_NEEDED: [400, 'a person must decide about this device, by a key of its own'],
  PROV_CODE_INVALID: [401, 'the pairing code is not valid'],
  PROV_PENDING: [403, 'a person must approve this first'],

  IMPORT_HEADER_INVALID: [400, 'the columns of the file are not valid'],
  IMPORT_ROW_INVALID: [400, 'the row is not valid'],
  IMPORT_DUPLICATE: [409, 'the device is already in this file'],
  IMPORT_LIMIT: [413, 'the file has more rows than allowed'],
  OPERATION_STATE: [409, 'the operation is not in a state that allows this'],

  READING_DEVICE: [400, 'the message names no device'],
  READING_VALUES: [400, 'a reading is an object of named values'],
  READING_TIME: [400, 'the time of a reading is not valid'],
  TELEMETRY_UNDECODABLE: [400, 'the payload is not the JSON it claims to be'],
  DELIVERY_INVALID: [400, 'the message carries no delivery of a running consumer'],
  DELIVERY_REJECTED: [422, 'the flow gave up on this message'],

  WINDOW_CONFIG_INVALID: [400, 'the window is not configured correctly'],
  WINDOW_STATE_LIMIT: [507, 'the windows need more memory than allowed'],
  WINDOW_SNAPSHOT_CORRUPT: [500, 'the saved window state is damaged'],
  WINDOW_SNAPSHOT_MISMATCH: [409, 'the saved window state belongs to another configuration'],
  WINDOW_CLOSED: [409, 'the window engine was flushed and takes no more events'],

  SIMULATOR_CONFIG_INVALID: [400, 'the simulator is not configured correctly'],
  SIMULATOR_RECORDING: [400, 'the recording cannot be read'],
  SIMULATOR_FAILED: [500, 'the simulator stopped unexpectedly'],

  COMMAND_UNSUPPORTED: [501, 'the operation is not offered here: not by this version of the hub, or not by the device'],
  COMMAND_INVALID: [400, 'the command or message is not valid'],
  COMMAND_TOO_LARGE: [413, 'the command or message is too large'],
  COMMAND_DEVICE_OFFLINE: [404, 'the device is not connected'],
  COMMAND_TIMEOUT: [504, 'the device did not answer in time'],
  COMMAND_QUEUE_FULL: [429, 'too many commands or messages wait for the device'],
  COMMAND_EXISTS: [409, 'a message of that id waits already'],
  COMMAND_LOCK_LOST: [412, 'the message is not held any more'],
  TWIN_INVALID: [400, 'the twin document is not valid'],
  TWIN_NOT_FOUND: [404, 'no such twin'],
  TWIN_VERSION_CONFLICT: [409, 'the twin was changed by someone else'],
  TWIN_THROTTLED: [429, 'too many requests of twins at once'],
  TWIN_LIMIT: [413, 'the twin document is larger or deeper than allowed'],
  CONFIGURATION_INVALID: [400, 'the fleet configuration is not valid'],
  CONFIGURATION_NOT_FOUND: [404, 'no such fleet configuration'],
  CONFIGURATION_CONFLICT: [409, 'the fleet configuration was changed by someone else'],
  CONFIGURATION_LIMIT: [409, 'there are as many fleet configurations as allowed'],
  MODEL_INVALID: [400, 'the device model is not valid'],
  MODEL_UNKNOWN: [404, 'no such device model'],
  MODEL_EXISTS: [409, 'that version of the device model is there, and versions do not change'],
  MODEL_IN_USE: [409, 'the device model is the default of the hub'],
  MODEL_LIMIT: [413, 'the device model is larger than allowed, or there are as many as allowed'],
  MODEL_VIOLATION: [400, 'the device model does not allow this'],
  REFERENCE_INVALID: [400, 'the reference table is not valid'],
  REFERENCE_UNKNOWN: [404, 'no such reference table'],
  REFERENCE_LIMIT: [413, 'the reference table is larger than allowed, or there are as many as allowed'],
  ENRICH_MISSING: [404, 'there is no value to enrich the reading with'],
  DEVICE_QUARANTINED: [403, 'the device is in quarantine'],
  AUDIT_BROKEN: [409, 'the audit log was tampered with'],
} as const satisfies Record<string, readonly [number, string]>

export type ErrorCode = keyof typeof codes

/** Where in a text something is: `offset` from 0 in UTF-16 units, `line` and `column` from 1, `length` of the offending part. */
export interface TextPosition {
  offset: number
  line: number
  column: number
  length: number
}

export interface ErrorOptionsOfLoom {
  cause?: unknown
  /** What to do about it, one sentence. */
  hint?: string
  /** Offset or path of the offending part, when the input is a text or document. */
  position?: number | string | TextPosition
}

/** An expected failure. `message` is the table's text, the detail and the hint; own properties survive Node-RED's Catch node. */
export class LoomError extends Error {
  readonly code: ErrorCode
  declare readonly hint?: string
  declare readonly position?: number | string | TextPosition

  constructor(code: ErrorCode, detail = '', { cause, hint, position }: ErrorOptionsOfLoom = {}) {
    const text = detail ? `${codes[code][1]}: ${withoutSecrets(detail)}` : codes[code][1]
    const advice = hint && withoutSecrets(hint)
    super(advice ? `${text} (${advice})` : text, cause === undefined ? undefined : { cause })
    this.name = 'LoomError'
    this.code = code
    if (advice !== undefined) this.hint = advice
    if (position !== undefined) this.position = typeof position === 'string' ? withoutSecrets(position) : position
  }

  /** The HTTP status of the admin API for this error. */
  get status(): number {
    return codes[this.code][0]
  }

  /** Errors pass through; anything else thrown becomes NODE_FAULT. */
  static from(thrown: unknown): Error {
    return thrown instanceof Error ? thrown : new LoomError('NODE_FAULT', String(thrown))
  }
}

/** An error as it crosses a thread or HTTP. */
export interface ErrorData {
  code: ErrorCode
  message: string
  hint?: string
  position?: number | string | TextPosition
}

export function errorData(thrown: unknown): ErrorData {
  if (!(thrown instanceof LoomError))
    return { code: 'NODE_FAULT', message: withoutSecrets(thrown instanceof Error ? thrown.message : String(thrown)) }
  const { code, message, hint, position } = thrown
  return { code, message, ...(hint !== undefined && { hint }), ...(position !== undefined && { position }) }
}

/** The error again on the other side; the message is kept word for word. */
export function errorOf({ code, message, hint, position }: ErrorData): LoomError {
  const error = new LoomError(code, '', { ...(hint !== undefined && { hint }), ...(position !== undefined && { position }) })
  error.message = message
  return error
}

const leftOut = '(left out)'

/**
 * A text that others may read, without what looks like key material: PEM private keys, bearer tokens, shared access keys and signatures, and whatever has 12 letters and
 * digits as mixed as base64 of random bytes. Values get into errors and events where somebody put a key in the place of a name. Hexadecimal digits stay, and
 * so do passwords that people chose: nobody can tell them from names.
 */
export const withoutSecrets = (text: string): string =>
  text
    .replace(/-*BEGIN(?:[ A-Z]|%20|\+)*PRIVATE.*/s, leftOut)
    .replace(/\beyJ[\w-]{8,}[\w.-]*/g, leftOut)
    .replace(/(SharedAccessKey=|\bsig=|Bearer )[^&;,\s"')]{8,}/g, `$1${leftOut}`)
    .replace(/[A-Za-z0-9+/_%-]{20,}={0,2}/g, run => (looksRandom(run) ? leftOut : run))

function looksRandom(run: string): boolean {
  const parts = run.replace(/%[0-9a-f]{2}/gi, '/').split(/[^A-Za-z0-9]+/)
  return parts.filter(isMixed).reduce((sum, { length }) => sum + length, 0) >= 12
}

/** Words, capitalized ones too, and numbers are rarely shorter than four in a row; in random letters and digits they are about two. */
function isMixed(part: string): boolean {
  if (part.length < 4 || !/[A-Z]/.test(part) || !/[a-z]/.test(part)) return false
  return part.match(/[A-Z]?[a-z]+|[A-Z]+|\d+/g)!.length > part.length / 3.5
}
