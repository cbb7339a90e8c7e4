/** One record with the place of its first character, for messages. `line` counts from 1. */
export interface CsvRecord {
  line: number
  fields: string[]
}

/** Where and why a text is no CSV. `column` counts fields from 1. */
export class CsvFault extends Error {
  readonly line: number
  readonly column: number
  constructor(reason: string, line: number, column: number) {
    super(reason)
    this.line = line
    this.column = column
  }
}

/**
 * Reads CSV (RFC 4180: quoted fields, doubled quotes, line breaks in quotes; LF and CR LF; a byte order mark is skipped) from text in parts, so that a file of
 * any size needs the memory of one record. Empty lines are skipped. Throws CsvFault for a stray quote, a CR inside a line, an open quote at the
 * end, or a record longer than `recordChars`. Linear in the length of the text.
 */
export class CsvReader {
  readonly #separator: string
  readonly #recordChars: number
  #state: 'start' | 'plain' | 'quoted' | 'quote' | 'cr' = 'start'
  #field = ''
  #fields: string[] = []
  #length = 0
  #line = 1
  #recordLine = 1
  #first = true

  constructor({ separator = ',', recordChars = 65_536 }: { separator?: string; recordChars?: number } = {}) {
    this.#separator = separator
    this.#recordChars = recordChars
  }

  /** Records completed by this part of the text. */
  push(text: string): CsvRecord[] {
    const records: CsvRecord[] = []
    let i = 0
    if (this.#first && text) {
      this.#first = false
      if (text.startsWith('\uFEFF')) i = 1
    }
    for (; i < text.length; i++) {
      const record = this.#take(text[i]!)
      if (record) records.push(record)
    }
    return records
  }

  /** The last record, when the text ends without a line break. */
  end(): CsvRecord[] {
    if (this.#state === 'quoted') throw this.#fault('a quote is never closed')
    const record = this.#record()
    return record ? [record] : []
  }

  #take(char: string): CsvRecord | undefined {
    if (++this.#length > this.#recordChars) throw this.#fault(`a record is longer than ${this.#recordChars} characters`)
    if (this.#state === 'quoted') {
      if (char === '"') this.#state = 'quote'
      else {
        if (char === '\n') this.#line++
        this.#field += char
      }
      return
    }
    if (this.#state === 'cr' && char !== '\n') throw this.#fault('a carriage return stands inside a line')
    if (char === '\n') return this.#record(1)
    if (char === '\r') this.#state = 'cr'
    else if (char === this.#separator) this.#next()
    else if (char === '"') {
      if (this.#state === 'plain') throw this.#fault('a quote stands inside a field that does not begin with one')
      if (this.#state === 'quote') this.#field += '"'
      this.#state = 'quoted'
    } else {
      if (this.#state === 'quote') throw this.#fault('text follows a closing quote')
      this.#state = 'plain'
      this.#field += char
    }
    return
  }

  #next(): void {
    this.#fields.push(this.#field)
    this.#field = ''
    this.#state = 'start'
  }

  #record(lines = 0): CsvRecord | undefined {
    const empty = !this.#fields.length && !this.#field && this.#state !== 'quote'
    this.#next()
    const record = { line: this.#recordLine, fields: this.#fields }
    this.#fields = []
    this.#length = 0
    this.#line += lines
    this.#recordLine = this.#line
    return empty ? undefined : record
  }

  #fault(reason: string): CsvFault {
    return new CsvFault(reason, this.#line, this.#fields.length + 1)
  }
}
