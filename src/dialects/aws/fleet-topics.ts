/** Where a device asks for a certificate for its own request; the answer comes on it plus `/accepted` or `/rejected`. */
export const createFromCsrTopic = '$aws/certificates/create-from-csr/json'
/** Where it then asks to be let in. */
export const provisionTopic = (template: string): string => `$aws/provisioning-templates/${template}/provision/json`
