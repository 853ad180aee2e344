/** The product's own file storage over a simulated file system.
 * @module */
import { FileStorage } from '../../adapters/files/file-storage.ts'
import { nativeCompression } from '../../adapters/node/compression.ts'
import { nativeDigest } from '../../adapters/node/digest.ts'
import { type OwnerPort, processLocalOwner } from '../../src/ports/owner.ts'
import { newPlace } from '../support/places.ts'
import type { FaultFiles } from './fault-files.ts'

/** A storage in `/store`, or in another directory of the disk, between which links can be made. Each has a location of
 * its own, so that several can be open on one disk as if by several processes; by default every earlier owner is
 * provably gone. */
export function faultStorage(
  files: FaultFiles,
  owner: OwnerPort = processLocalOwner,
  directory = 'store',
): FileStorage {
  const root = `/@${newPlace()}/${directory}`
  const native = { digest: nativeDigest(512), compression: nativeCompression }
  return new FileStorage({ name: 'fault', root, calls: files, owner, ...native })
}
