/** A place in a text: row and columns from 0, in UTF-16 units; `end` is behind the JSON string or word that stands there. */
export interface TextPlace {
  row: number
  column: number
  end: number
}

/** Where an offset is. Beyond the end: the last place of the text. */
export function placeIn(text: string, offset: number): TextPlace {
  const at = Math.max(0, Math.min(offset, text.length))
  const start = text.lastIndexOf('\n', at - 1) + 1
  const row = text.slice(0, start).split('\n').length - 1
  const [token = ''] = /^(?:"(?:[^"\\\n\r]|\\.)*"?|[\w.+-]+|[^\n\r])/.exec(text.slice(at)) ?? []
  return { row, column: at - start, end: at - start + Math.max(1, token.length) }
}
