/** Type and subtype in small letters, without parameters; `''` if there is none. */
export const mediaTypeOf = (contentType = ''): string => contentType.split(';', 1)[0]!.trim().toLowerCase()

export const isJsonType = (contentType: string | undefined): boolean => /[/+]json$/.test(mediaTypeOf(contentType))
