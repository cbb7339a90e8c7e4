/** Makes typed inputs of the fields of a dialog, each with its types, the first one for a new node; `{field}Type` keeps the type. `label` is what a screen reader says. */
export function typedInputs(fields: Readonly<Record<string, readonly string[]>>, label: (field: string) => string): void {
  for (const [field, types] of Object.entries(fields)) {
    const input = $(`#node-input-${field}`)
    input.typedInput({ default: types[0], types: [...types], typeField: `#node-input-${field}Type` } as never)
    // The label belongs to the input that the widget hides.
    input.closest('.form-row').find('input.red-ui-typedInput-input').attr('aria-label', label(field))
  }
}
