import { isDigest } from "../oci/digest.ts";
import { readRemoteBlob } from "./blob-reading.ts";
import { blobOf, blobSize } from "./blobs.ts";
import { deleteBlob, deleteManifest } from "./deletion.ts";
import { fetchManifest, resolveManifest } from "./manifests.ts";
import { pushManifest } from "./push/push-manifest.ts";
import { listReferrers } from "./referrers.ts";
import type { Repository } from "./repository.ts";
import { RepositoryContent } from "./repository-content.ts";
import type { RepositoryContext } from "./repository-context.ts";
import { listTags } from "./tags.ts";
import { createUploader, type UploadSharing } from "./upload/create-uploader.ts";

/** One repository of a registry, over its transport. */
export function createRepository(context: RepositoryContext, sharing?: UploadSharing): Repository {
  const content = new RepositoryContent(context);
  return {
    name: context.name,
    content,
    resolve: (reference, options = {}) => resolveManifest(context, reference, options),
    async fetchManifest(reference, options = {}) {
      const read = await fetchManifest(context, reference, options);
      content.remember(read);
      const { descriptor, bytes } = read;
      return { descriptor, bytes: bytes.slice() };
    },
    async deleteManifest(reference, options = {}) {
      await deleteManifest(context, reference, options);
      if (isDigest(reference)) content.forget(reference);
    },
    hasBlob: (digest, options = {}) => blobSize(context, digest, options),
    openBlob: (digest, range, options = {}) => readRemoteBlob(blobOf(context, digest), range, options),
    async deleteBlob(digest, options = {}) {
      await deleteBlob(context, digest, options);
      content.forget(digest);
    },
    tags: (options = {}) => listTags(context, options),
    referrers: (digest, options = {}) => listReferrers(context, digest, options.artifactType, options),
    pushManifest: (bytes, mediaType, reference, options = {}) =>
      pushManifest(context, bytes, mediaType, reference, options),
    pushBlob: createUploader(context, sharing),
  };
}
