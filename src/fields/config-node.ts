/** Whether a config node is chosen; in a dialog, `_ADD_` stands for one that is still to be made. */
export const isChosen = (id: unknown): boolean => Boolean(id && id !== '_ADD_')
