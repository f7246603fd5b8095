import { resolve } from "node:path";
import { SlipwayError } from "../index.ts";
import { openDirectoryStore, writeFileAtomically } from "../node/index.ts";
import { isTag, parseReference, repositoryName } from "../oci/index.ts";
import type { Registry } from "../registry/index.ts";
import { archiveTarget, type ImageTarget, storeTarget } from "../transfer/index.ts";
import { removeIfUnused } from "./build-store.ts";
import { exists, makeParents } from "./host-paths.ts";
import type { ImageArgument } from "./image-argument.ts";

/** How an image gets where an argument says. */
export interface TargetOptions {
  readonly registry: Registry;
  /** Names that the image has at its source. */
  readonly sourceNames: readonly string[];
  readonly signal: AbortSignal;
}

/**
 * Runs `work` with the target that an argument names. A directory that was made for it is removed if nothing came into it.
 * @throws SlipwayError `INVALID_ARGUMENT` for a tag that belongs to no name; what making directories throws
 */
export async function withTarget<T>(
  argument: ImageArgument,
  { registry, sourceNames, signal }: TargetOptions,
  work: (target: ImageTarget) => Promise<T>,
): Promise<T> {
  if (argument.kind === "registry" || argument.kind === "name") return await work(registry.target(argument.name));
  const { kind, path, tag } = argument;
  const name = tag === undefined ? undefined : wholeName(tag, sourceNames);
  const before = await exists(path);
  const removeParents = await makeParents(path);
  try {
    if (kind === "layout") {
      const store = await openDirectoryStore(path);
      try {
        return await work(storeTarget(store, name, { description: `oci:${path}` }));
      } finally {
        await store.close();
      }
    }
    const target = archiveTarget((bytes) => writeFileAtomically(path, bytes, { signal }), {
      // Both tables of contents, so that docker, podman, skopeo and ctr all read it.
      format: kind === "docker-archive" ? "both" : "oci",
      names: name === undefined ? undefined : [name],
      description: `${kind}:${path}`,
    });
    return await work(target);
  } catch (error) {
    if (kind === "layout" && !before) await removeIfUnused(resolve(path), "nothing");
    await removeParents();
    throw error;
  }
}

/** What follows the path is a name, or just a tag: then the image keeps the name that it has. */
function wholeName(tag: string, [sourceName]: readonly string[]): string {
  if (!isTag(tag)) return tag;
  if (sourceName === undefined) {
    throw new SlipwayError(
      "INVALID_ARGUMENT",
      `Cannot name the image with just the tag ${JSON.stringify(tag)}, as it has no name at its source: write NAME:${tag}`,
    );
  }
  return `${repositoryName(parseReference(sourceName))}:${tag}`;
}
