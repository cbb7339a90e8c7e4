/** Names of CLDR in English -> usual abbreviation and minutes east of UTC. `Intl` says `GMT+1` where it knows none for its own country. */
const named: readonly (readonly [long: string, short: string, minutes: number])[] = [
  ['Coordinated Universal Time', 'UTC', 0],
  ['Greenwich Mean Time', 'GMT', 0],
  ['Western European Standard Time', 'WET', 0],
  ['Western European Summer Time', 'WEST', 60],
  ['British Summer Time', 'BST', 60],
  ['Central European Standard Time', 'CET', 60],
  ['Central European Summer Time', 'CEST', 120],
  ['Eastern European Standard Time', 'EET', 120],
  ['Eastern European Summer Time', 'EEST', 180],
  ['Moscow Standard Time', 'MSK', 180],
  ['West Africa Standard Time', 'WAT', 60],
  ['Central Africa Time', 'CAT', 120],
  ['East Africa Time', 'EAT', 180],
  ['South Africa Standard Time', 'SAST', 120],
  ['Gulf Standard Time', 'GST', 240],
  ['Pakistan Standard Time', 'PKT', 300],
  ['India Standard Time', 'IST', 330],
  ['Nepal Time', 'NPT', 345],
  ['Indochina Time', 'ICT', 420],
  ['Western Indonesia Time', 'WIB', 420],
  ['Central Indonesia Time', 'WITA', 480],
  ['Eastern Indonesia Time', 'WIT', 540],
  ['Hong Kong Standard Time', 'HKT', 480],
  ['Singapore Standard Time', 'SGT', 480],
  ['Japan Standard Time', 'JST', 540],
  ['Korean Standard Time', 'KST', 540],
  ['Australian Western Standard Time', 'AWST', 480],
  ['Australian Central Standard Time', 'ACST', 570],
  ['Australian Central Daylight Time', 'ACDT', 630],
  ['Australian Eastern Standard Time', 'AEST', 600],
  ['Australian Eastern Daylight Time', 'AEDT', 660],
  ['New Zealand Standard Time', 'NZST', 720],
  ['New Zealand Daylight Time', 'NZDT', 780],
  ['Brasilia Standard Time', 'BRT', -180],
  ['Argentina Standard Time', 'ART', -180],
  ['Chile Standard Time', 'CLT', -240],
  ['Chile Summer Time', 'CLST', -180],
  ['Colombia Standard Time', 'COT', -300],
  ['Peru Standard Time', 'PET', -300],
  ['Newfoundland Standard Time', 'NST', -210],
  ['Newfoundland Daylight Time', 'NDT', -150],
  ['Atlantic Standard Time', 'AST', -240],
  ['Atlantic Daylight Time', 'ADT', -180],
  ['Eastern Standard Time', 'EST', -300],
  ['Eastern Daylight Time', 'EDT', -240],
  ['Central Standard Time', 'CST', -360],
  ['Central Daylight Time', 'CDT', -300],
  ['Mountain Standard Time', 'MST', -420],
  ['Mountain Daylight Time', 'MDT', -360],
  ['Pacific Standard Time', 'PST', -480],
  ['Pacific Daylight Time', 'PDT', -420],
  ['Alaska Standard Time', 'AKST', -540],
  ['Alaska Daylight Time', 'AKDT', -480],
  ['Hawaii-Aleutian Standard Time', 'HST', -600],
  // Written only: read, these abbreviations mean the ones above.
  ['Irish Standard Time', 'IST', 60],
  ['Israel Standard Time', 'IST', 120],
  ['Israel Daylight Time', 'IDT', 180],
  ['Arabian Standard Time', 'AST', 180],
  ['China Standard Time', 'CST', 480],
]

const shortOf = new Map(named.map(([long, short]) => [long, short]))
const minutesOf = new Map(
  named.toReversed().flatMap(([long, short, minutes]) => [[long, minutes] as const, [short, minutes] as const]),
)

export const abbreviationOf = (longName: string): string | undefined => shortOf.get(longName)

/** East of UTC, by abbreviation or English name. */
export const offsetOfName = (name: string): number | undefined => {
  const minutes = minutesOf.get(name)
  return minutes === undefined ? undefined : minutes * 60_000
}
