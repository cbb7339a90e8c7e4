/** One row with the line of its first character, from 1; or why it is none. A bad row never stops the next. */
export type CsvRow = { line: number; fields: string[] } | { line: number; fault: string }

export interface CsvLimits {
  /** default 65,536: what is longer is skipped up to its next line break */
  rowChars?: number
  /** default 20,000 */
  fieldChars?: number
  /** default 200 */
  columns?: number
  /** one character; default a comma */
  separator?: string
}

const quote = 34
const lineFeed = 10
const carriageReturn = 13

type State = 'start' | 'plain' | 'quoted' | 'closed' | 'return' | 'skip'

/**
 * Reads CSV (RFC 4180: quoted fields, doubled quotes, line breaks in quotes; LF and CR LF; a byte order mark) from text in parts of any size, keeping one row in memory. Empty lines
 * are left out. Linear in the length of the text.
 */
export class CsvReader {
  readonly #limits: Required<Omit<CsvLimits, 'separator'>>
  readonly #separator: number
  #state: State = 'start'
  #field = ''
  #fields: string[] = []
  /** the row has a quoted field: it is not empty */
  #quoted = false
  #rowChars = 0
  #line = 1
  #rowLine = 1
  #first = true

  constructor({ rowChars = 65_536, fieldChars = 20_000, columns = 200, separator = ',' }: CsvLimits = {}) {
    this.#limits = { rowChars, fieldChars, columns }
    this.#separator = separator.charCodeAt(0)
  }

  /** Rows completed by this part. */
  push(text: string): CsvRow[] {
    const rows: CsvRow[] = []
    let at = 0
    if (this.#first && text !== '') {
      this.#first = false
      if (text.startsWith('\uFEFF')) at = 1
    }
    while (at < text.length) at = this.#take(text, at, rows)
    return rows
  }

  /** The last row, when the text ends without a line break. */
  end(): CsvRow[] {
    const rows: CsvRow[] = []
    if (this.#state === 'quoted') this.#fault('a quote is never closed', rows)
    else if (this.#state !== 'skip') this.#row(rows)
    return rows
  }

  /** Takes a run of ordinary characters or one that means something; returns where to go on. */
  #take(text: string, at: number, rows: CsvRow[]): number {
    const end = this.#runEnd(text, at)
    if (end > at) {
      if (this.#state === 'skip') return end
      this.#rowChars += end - at
      if (this.#rowChars > this.#limits.rowChars) this.#fault(`the row has more than ${this.#limits.rowChars} characters`, rows)
      else if (this.#state === 'closed') this.#fault('text follows a closing quote', rows)
      else if (this.#state === 'return') this.#fault('a carriage return stands inside a line', rows)
      else {
        if (this.#state === 'start') this.#state = 'plain'
        this.#field += text.slice(at, end)
      }
      return end
    }
    this.#mark(text.charCodeAt(at), rows)
    return at + 1
  }

  /** Where the characters end that stand for themselves in the present state. */
  #runEnd(text: string, at: number): number {
    const { rowChars } = this.#limits
    // one more than allowed is enough to notice
    const stop = this.#state === 'skip' ? text.length : Math.min(text.length, at + rowChars + 1 - this.#rowChars)
    let end = at
    while (end < stop && !this.#means(text.charCodeAt(end))) end++
    return end
  }

  #means(char: number): boolean {
    if (this.#state === 'skip') return char === lineFeed
    if (this.#state === 'quoted') return char === quote || char === lineFeed
    return char === this.#separator || char === quote || char === lineFeed || char === carriageReturn
  }

  #mark(char: number, rows: CsvRow[]): void {
    const state = this.#state
    if (state !== 'skip' && ++this.#rowChars > this.#limits.rowChars && char !== lineFeed)
      this.#fault(`the row has more than ${this.#limits.rowChars} characters`, rows)
    else if (state === 'quoted') {
      if (char === quote) this.#state = 'closed'
      else {
        this.#line++
        this.#field += '\n'
      }
    } else if (char === lineFeed) {
      this.#line++
      if (state === 'skip') this.#fresh()
      else this.#row(rows)
    } else if (state === 'return') this.#fault('a carriage return stands inside a line', rows)
    else if (char === carriageReturn) this.#state = 'return'
    else if (char === this.#separator) this.#next(rows)
    else if (state === 'plain') this.#fault('a quote stands inside a field that does not begin with one', rows)
    else {
      if (state === 'closed') this.#field += '"'
      this.#state = 'quoted'
      this.#quoted = true
    }
  }

  #next(rows: CsvRow[]): void {
    const { fieldChars, columns } = this.#limits
    if (this.#field.length > fieldChars) this.#fault(`a field has more than ${fieldChars} characters`, rows)
    else if (this.#fields.length === columns) this.#fault(`there are more than ${columns} columns`, rows)
    else {
      this.#fields.push(this.#field)
      this.#field = ''
      this.#state = 'start'
    }
  }

  /** The end of a row, at its line break or that of the text. */
  #row(rows: CsvRow[]): void {
    const empty = this.#fields.length === 0 && this.#field === '' && !this.#quoted
    if (!empty) {
      this.#next(rows)
      // #next may have found a fault, which was told
      if ((this.#state as State) !== 'skip') rows.push({ line: this.#rowLine, fields: this.#fields })
    }
    this.#fresh()
  }

  #fault(fault: string, rows: CsvRow[]): void {
    rows.push({ line: this.#rowLine, fault })
    this.#state = 'skip'
    this.#field = ''
    this.#fields = []
  }

  #fresh(): void {
    this.#state = 'start'
    this.#field = ''
    this.#fields = []
    this.#quoted = false
    this.#rowChars = 0
    this.#rowLine = this.#line
  }
}
