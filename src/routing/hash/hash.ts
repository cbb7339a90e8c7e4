import type { HashName } from '../rule-function.ts'
import { md2 } from './md2.ts'
import { md5 } from './md5.ts'
import { sha1 } from './sha1.ts'
import { sha224, sha256 } from './sha256.ts'
import { sha384, sha512 } from './sha512.ts'

const hashes: Readonly<Record<HashName, (bytes: Uint8Array) => string>> = { md2, md5, sha1, sha224, sha256, sha384, sha512 }

/** Lower-case hex, without anything of a platform; slower than Node's own. */
export const hashOf = (name: HashName, bytes: Uint8Array): string => hashes[name](bytes)
