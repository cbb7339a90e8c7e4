/** Whether a field holds a whole number of a range. */
export const between =
  (least: number, most: number) =>
  (value: unknown): boolean =>
    value !== '' && Number.isInteger(Number(value)) && Number(value) >= least && Number(value) <= most
