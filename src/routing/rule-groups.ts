import { made } from './index-access.ts'
import type { Memos } from './memo.ts'
import type { RuleMessage } from './message.ts'
import { PredicateIndex } from './predicate-index.ts'
import type { RuleEntry, RuleGroup } from './rule-entry.ts'
import { sourceOf } from './rule-plan.ts'
import type { ConditionSource } from './rule-text.ts'
import { shapesOf } from './shape.ts'
import { TopicTrie } from './topic-trie.ts'

/** The rules of a set by what must be known of a message before its payload: topic and source. Each rule stands in one group. */
export class RuleGroups<R> {
  readonly #topics = new TopicTrie<RuleGroup<R>[], readonly RuleGroup<R>[]>(found => [...new Set(found.flat())])
  readonly #byFilters = new Map<string, RuleGroup<R>>()
  readonly #bySource = new Map<ConditionSource, RuleGroup<R>>()
  #open: RuleGroup<R> | undefined
  readonly #entries: readonly RuleEntry<R>[]
  /** Made when the first message comes by the name of a rule. */
  #byName: Map<string | undefined, RuleEntry<R>[]> | undefined

  constructor(entries: readonly RuleEntry<R>[]) {
    this.#entries = entries
    for (const entry of entries) entry.join(this.#groupOf(entry))
  }

  #groupOf({ plan }: RuleEntry<R>): RuleGroup<R> {
    const { source, topics } = plan
    if (source !== undefined) return made(this.#bySource, source, newGroup<R>)
    if (topics.length === 0) return (this.#open ??= newGroup<R>())
    const [only] = topics
    const key = topics.length === 1 ? only! : topics.toSorted().join('\0')
    return made(this.#byFilters, key, () => {
      const group = newGroup<R>()
      for (const filter of topics) this.#topics.at(filter, () => []).push(group)
      return group
    })
  }

  /** Those for a rule of that name; Basic Ingest. */
  named(name: string): readonly RuleEntry<R>[] {
    this.#byName ??= Map.groupBy(this.#entries, ({ plan }) => plan.name)
    return this.#byName.get(name) ?? []
  }

  /** The groups that the message concerns; no more of it is read than topic and source. */
  for({ topic, source }: RuleMessage): readonly RuleGroup<R>[] {
    const byTopic = topic === undefined ? none : this.#topics.match(topic)
    const ofSource = this.#bySource.size ? this.#bySource.get(sourceOf(source)) : undefined
    if (!this.#open && !ofSource) return byTopic
    return [...byTopic, ...(this.#open ? [this.#open] : []), ...(ofSource ? [ofSource] : [])]
  }
}

const none: readonly never[] = []
const newGroup = <R>(): RuleGroup<R> => ({ entries: [], messages: 0 })

/** The index of a group, made when it is first asked for. */
export function indexOf<R>(group: RuleGroup<R>, memos: Memos): PredicateIndex<RuleEntry<R>> {
  if (group.index) return group.index
  const rows = group.entries.map(entry => ({
    entry,
    accesses: entry.compiled.conjuncts.flatMap(({ access }) => access ?? []),
  }))
  const index = new PredicateIndex(rows)
  for (const entry of group.entries) entry.placed(index)
  const { shapes, rest } = shapesOf(index.residual, conditionOf, memos)
  group.residual = { shapes, entries: rest, firsts: rest.map(({ tests: [first = always] }) => first) }
  return (group.index = index)
}

/** The first condition of an entry that no index knows. */
function conditionOf<R>({ compiled, plan }: RuleEntry<R>) {
  const [conjunct] = compiled.conjuncts
  return conjunct && { conjunct, language: plan.language }
}

const always = (): boolean => true
