import type { ErrorData } from '../../errors.ts'
import type { ExplainedConjunct } from '../../routing/explain.ts'
import type { LintFinding } from '../../routing/lint-finding.ts'
import type { RuleRow } from '../../routing/rule-row.ts'
import type { ImportedTopicRule } from '../../routing/topic-rule-file.ts'
import type { TryMessage } from './try-message.ts'

/** What the engine's worker is asked. */
export type Question =
  | { kind: 'look'; row: RuleRow; strict: boolean; message: TryMessage; answers: Readonly<Record<string, string>> }
  | { kind: 'check'; rows: readonly RuleRow[]; strict: boolean }
  | { kind: 'import'; text: string }
  | { kind: 'words' }

export interface Answers {
  look: Look
  check: RowState[]
  import: Imported
  words: Vocabulary
}

/** What the texts of a rule are good for, without a message. */
export interface RowState {
  fault?: ErrorData
  /** Of the topic template. */
  templateFault?: ErrorData
  warnings: LintFinding[]
}

export interface Look extends RowState {
  /** Keys that the rule reads. */
  paths: string[]
  /** Absent while the rule or the message cannot be read. */
  trial?: Trial
  /** Why the message cannot be read. */
  unreadable?: { part: string; message: string }
}

/** What the rule makes of the message. */
export interface Trial {
  matched: boolean
  concerned: boolean
  conjuncts: (ExplainedConjunct & { reads: Read[] })[]
  index?: { kind: 'equality' | 'threshold'; text: string }
  /** JSON, or base64 where it is bytes; absent: Undefined. */
  output?: { text: string; bytes?: true }
  error?: ErrorData
  /** Where the output goes, if there is a template. */
  topic?: string
  topicError?: ErrorData
  /** Calls of external functions, answered or not. */
  asked: Asked[]
}

/** A key that a part of the condition looks at; without `value` it is missing. */
export interface Read {
  path: string
  value?: string
}

export interface Asked {
  /** names the call among `answers` */
  key: string
  text: string
}

export type Imported = { rule: ImportedTopicRule } | { fault: ErrorData }

export interface Vocabulary {
  sql: FunctionWords[]
  condition: FunctionWords[]
}

export interface FunctionWords {
  name: string
  signature: string
}
