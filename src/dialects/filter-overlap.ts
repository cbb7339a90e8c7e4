/**
 * Whether a filter can match a topic of a form: levels as text, `*` for any one level. Both without a leading part that they share.
 */
export function overlaps(filter: readonly string[], form: readonly string[]): boolean {
  for (let at = 0; at < filter.length; at++) {
    const level = filter[at]!
    // `#` also stands for the level above it [MQTT-4.7.1-2]
    if (level === '#') return form.length >= at
    if (at >= form.length) return false
    if (level !== '+' && form[at] !== '*' && level !== form[at]) return false
  }
  return filter.length === form.length
}

/** The features that a filter can hear of, in the order of the forms. */
export function featuresHeard(filter: readonly string[], forms: readonly (readonly [feature: string, form: string])[]): string[] {
  return [...new Set(forms.filter(([, form]) => overlaps(filter, form.split('/'))).map(([feature]) => feature))]
}
