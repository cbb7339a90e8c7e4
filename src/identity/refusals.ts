import { LoomError } from '../errors.ts'

/** A device of that id, or of one that differs only in case, is there. */
export const idExists = (id: string, like: string): LoomError =>
  new LoomError('IDENTITY_EXISTS', like === id ? `"${id}"` : `"${like}" differs from "${id}" only in upper and lower case`)

export const idIsUsername = (id: string, owner: string): LoomError =>
  new LoomError('IDENTITY_EXISTS', `"${id}" is a user name of device "${owner}"`)

export const usernameIsId = (username: string): LoomError => new LoomError('CRED_TAKEN', `"${username}" is the id of a device`)

export const takenBy = (owner: string): LoomError => new LoomError('CRED_TAKEN', `device "${owner}" has it`)

export const noIdentity = (id: unknown): LoomError => new LoomError('IDENTITY_NOT_FOUND', JSON.stringify(String(id).slice(0, 80)))

/** Others were faster, again and again. */
export const outrun = (id: string, cause: unknown): LoomError =>
  new LoomError('IDENTITY_CONFLICT', `"${id}"`, { cause, hint: 'try again' })
