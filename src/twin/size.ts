import { isSection, type TwinSection } from './json.ts'
import type { TwinProfile } from './profiles.ts'

/** Bytes of a section as the profile counts them. */
export const sectionBytes = (section: TwinSection, { measure }: TwinProfile): number =>
  measure === 'azure' ? azureBytes(section) : Buffer.byteLength(JSON.stringify(section))

/** Azure's size of a twin section: keys and texts in UTF-8 without control characters, 8 for a number, 4 for a boolean; no punctuation. */
function azureBytes(value: unknown): number {
  if (typeof value === 'string') return textBytes(value)
  if (typeof value === 'number') return 8
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + azureBytes(item), 0)
  if (!isSection(value)) return 4
  let sum = 0
  for (const key of Object.keys(value)) sum += textBytes(key) + azureBytes(value[key])
  return sum
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they do not count
const textBytes = (text: string): number => Buffer.byteLength(text.replace(/[\u0000-\u001f\u007f-\u009f]/g, ''))
