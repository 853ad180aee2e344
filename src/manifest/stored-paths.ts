/** Where a store keeps what it exists for, and where documents and histories have their files.
 * @module */

/** Files with random names in a directory for each name: `<root>/<name>/<id><suffix>`. */
export interface FilePaths {
  /** Relative to the store. */
  readonly root: string
  /** Directory of a name, relative to the store. */
  readonly directory: (name: string) => string
  readonly path: (name: string, id: string) => string
  /** The id that the name of a file says; undefined for every other name. */
  readonly idOf: (file: string) => string | undefined
}

/** One file for each version that is in use. */
export const DOCUMENT_FILES: FilePaths = filesOf('documents', '.vdoc')
/** One file for each group of versions. */
export const HISTORY_FILES: FilePaths = filesOf('histories', '.vgrp')

function filesOf(root: string, suffix: string): FilePaths {
  const isId = /^[0-9a-f]{16}$/
  return {
    root,
    directory: (name) => `${root}/${name}`,
    path: (name, id) => `${root}/${name}/${id}${suffix}`,
    idOf: (file) => {
      const id = file.endsWith(suffix) ? file.slice(0, -suffix.length) : ''
      return isId.test(id) ? id : undefined
    },
  }
}

/** Whether a store was in a directory with these names in it. */
export function hasTruth(names: readonly string[]): boolean {
  return ['topics', DOCUMENT_FILES.root, HISTORY_FILES.root].some((root) => names.includes(root))
}
