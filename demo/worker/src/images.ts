import { type ArchiveFormat, type Image, readBlobBytes, toReadableStream, writeArchive } from "slipway";
import type { R2Store } from "slipway/cloudflare";
import { formatReference, parseReference } from "slipway/oci";
import { collectAll } from "./garbage.ts";
import { HttpError, json, sized } from "./http.ts";

/** Every image, with what it points to. */
export async function listImages({ images }: R2Store): Promise<Response> {
  const list = await images.list();
  return json({
    images: list.map(({ name, target }) => ({ name, digest: target.digest, mediaType: target.mediaType })),
  });
}

/** One image with its manifest or index. */
export async function showImage(store: R2Store, name: string): Promise<Response> {
  const { target, name: full } = await imageOf(store, name);
  const document = new TextDecoder().decode(await readBlobBytes(store.content, target));
  return json({ name: full, digest: target.digest, mediaType: target.mediaType, document: JSON.parse(document) });
}

/** The image as a tar for `docker load` or `skopeo copy oci-archive:…`. */
export async function sendArchive(store: R2Store, name: string, query: URLSearchParams): Promise<Response> {
  const format = query.get("format") ?? "both";
  if (!isFormat(format)) {
    throw new HttpError(400, "INVALID_OPTION", `Cannot write ${JSON.stringify(format)}: format is docker, oci or both`);
  }
  const { target, name: full } = await imageOf(store, name);
  let size = 0;
  const onSize = (bytes: number): void => {
    size = bytes;
  };
  const archive = writeArchive({ content: store.content, descriptor: target, names: [full] }, { format, onSize });
  // What cannot be written at all is told now, while there can be another answer.
  const first = await archive.next();
  const { path, tag = "latest" } = parseReference(full);
  // With its size, so that an archive that cannot be written to its end is not taken for one: Workers end a body without one properly.
  return sized(toReadableStream(withFirst(first, archive)), size, {
    headers: {
      "content-type": "application/x-tar",
      "content-disposition": `attachment; filename="${path.split("/").at(-1)}-${tag}.tar"`,
    },
  });
}

/** Forgets the name, and the blobs that only it needed. */
export async function deleteImage(store: R2Store, name: string): Promise<Response> {
  await store.images.delete(normalised(name));
  await collectAll(store);
  return new Response(null, { status: 204 });
}

const isFormat = (format: string): format is ArchiveFormat => ["both", "docker", "oci"].includes(format);

export const normalised = (name: string): string => formatReference(parseReference(name));

export const imageOf = async ({ images }: R2Store, name: string): Promise<Image> => await images.get(normalised(name));

async function* withFirst(
  first: IteratorResult<Uint8Array, void>,
  rest: AsyncGenerator<Uint8Array, void>,
): AsyncGenerator<Uint8Array, void> {
  if (first.done) return;
  yield first.value;
  yield* rest;
}
