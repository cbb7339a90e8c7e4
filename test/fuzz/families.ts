import { codecTargets } from './codec-targets.ts'
import { ruleTargets } from './rule-targets.ts'
import { schemaTargets } from './schema-targets.ts'
import { sparkplugTargets } from './sparkplug-targets.ts'
import type { Family } from './target.ts'

/** Every target by its name, which is also how kept inputs name it. */
export const families: Family = { ...ruleTargets, ...codecTargets, ...schemaTargets, ...sparkplugTargets }
