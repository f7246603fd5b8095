import { addTar, build, createSnapshotter, type Digest, type ExportedImage, withLease, withPacks } from "slipway";
import type { R2Store } from "slipway/cloudflare";
import { pullBase } from "./base.ts";
import { limitedBody } from "./body.ts";
import { collectAmong } from "./garbage.ts";
import { HttpError, json } from "./http.ts";
import { normalised } from "./images.ts";
import { parseQuery } from "./query.ts";
import { bodyLimit, ENTRY_LIMIT, type Env } from "./settings.ts";

/** Makes an image of the tar in the request's body, which is never in memory as a whole. */
export async function postImage(request: Request, env: Env, store: R2Store, name: string): Promise<Response> {
  // Before any work.
  normalised(name);
  if (name.includes("@")) throw new HttpError(400, "INVALID_REFERENCE", "Cannot name an image by digest: give a tag");
  const { config, platform, from } = parseQuery(new URL(request.url).searchParams);
  const limit = bodyLimit(env);
  const body = limitedBody(request, limit);
  const { signal } = request;
  const image = await takingBackOnFailure(store, async (content) => {
    const base = from === undefined ? undefined : await pullBase(from, platform, env, store, content, signal);
    // Files go into one blob together, and that away when their layer is made: each of its own would cost several calls.
    const packs = withPacks(content);
    try {
      return await build({
        content: packs.unpacked,
        snapshots: createSnapshotter({ content: packs }),
        images: store.images,
        fill: (work) => addTar(work, body, { sizeLimit: limit, entryLimit: ENTRY_LIMIT, signal }),
        from: base,
        // The base's files are not read: what is posted becomes a layer on top of whatever they are.
        link: true,
        config,
        platform: base === undefined ? platform : undefined,
        options: { name },
        signal,
      });
    } finally {
      await packs.discard();
    }
  });
  return json(report(image), 201, { location: `/images/${name}` });
}

function report({ digest, descriptor, names, manifests }: ExportedImage): unknown {
  return {
    digest,
    mediaType: descriptor.mediaType,
    names,
    manifests: manifests.map(({ descriptor: { digest }, platform, config, layers }) => ({
      digest,
      platform,
      config: { digest: config.digest, size: config.size },
      layers: layers.map(({ descriptor: { digest, size, mediaType }, diffID }) => ({
        digest,
        size,
        mediaType,
        diffID,
      })),
    })),
  };
}

/** Nobody collects what `work` writes as garbage; if it fails, that is done at once. */
async function takingBackOnFailure<T>(store: R2Store, work: (content: R2Store["content"]) => Promise<T>): Promise<T> {
  const lease = await store.leases.create();
  const written = new Set<Digest>();
  const content = withLease(store.content, {
    async add(digest) {
      written.add(digest);
      await lease.add(digest);
    },
  });
  // One that cannot be released ends by itself, and what cannot be collected now is with the next collection. What became of the work counts.
  const release = (): Promise<void> => lease.release().catch(() => undefined);
  try {
    return await work(content);
  } catch (error) {
    await release();
    await collectAmong(store, written).catch(() => undefined);
    throw error;
  } finally {
    await release();
  }
}
