import { LoomError } from '../../errors.ts'
import type { RegistryBook, StoredVersion } from './registry-book.ts'

export interface Deletion {
  subject: string
  /** all of them, if none is named */
  version?: number | 'latest'
  /** only of what is deleted already: its versions are gone, and their schemas where no other version is one */
  permanent?: boolean
}

/**
 * What a deletion is of, in two steps as Confluent's registry has them. SCHEMA_NOT_FOUND, SCHEMA_DELETED, SCHEMA_NOT_DELETED, their `position` `subject` or `version`;
 * SCHEMA_REFERENCED.
 */
export function versionsToDelete(book: RegistryBook, { subject, version, permanent = false }: Deletion): StoredVersion[] {
  const all = book.subjects.get(subject)?.versions ?? []
  const alive = all.filter(one => !one.deleted)
  const fault = (code: 'SCHEMA_NOT_FOUND' | 'SCHEMA_DELETED' | 'SCHEMA_NOT_DELETED', position: 'subject' | 'version') =>
    new LoomError(code, `${subject.slice(0, 100)}${position === 'version' ? `, version ${version}` : ''}`, { position })
  if (!all.length) throw fault('SCHEMA_NOT_FOUND', 'subject')
  if (version === undefined) {
    if (permanent === alive.length > 0) throw fault(permanent ? 'SCHEMA_NOT_DELETED' : 'SCHEMA_DELETED', 'subject')
    return permanent ? unreferenced(book, subject, all) : alive
  }
  const found = version === 'latest' ? (alive.at(-1) ?? all.at(-1)) : all.find(one => one.version === version)
  if (!found) throw fault('SCHEMA_NOT_FOUND', 'version')
  if (permanent !== Boolean(found.deleted)) throw fault(permanent ? 'SCHEMA_NOT_DELETED' : 'SCHEMA_DELETED', 'version')
  return permanent ? unreferenced(book, subject, [found]) : [found]
}

/** Also versions that are deleted need what they refer to: who has their id finds them. */
function unreferenced(book: RegistryBook, subject: string, gone: StoredVersion[]): StoredVersion[] {
  for (const [name, { versions }] of book.subjects)
    for (const one of versions) {
      const needed = book.references
        .get(one.id)
        ?.find(reference => reference.subject === subject && gone.some(({ version }) => version === reference.version))
      if (needed && !gone.includes(one))
        throw new LoomError('SCHEMA_REFERENCED', `${subject.slice(0, 100)}, version ${needed.version}`, {
          hint: `delete version ${one.version} of ${name.slice(0, 100)} for good first`,
        })
    }
  return gone
}
