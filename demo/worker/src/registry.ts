import { isSlipwayError, readBlob, readBlobBytes, toReadableStream } from "slipway";
import type { R2Store } from "slipway/cloudflare";
import {
  type Digest,
  DOCUMENT_LIMIT,
  detectDocument,
  isDigest,
  isIndex,
  isManifest,
  OCI_TYPES,
  parseIndex,
  parseManifest,
  parseReference,
  repositoryName,
} from "slipway/oci";
import { HttpError, json, mustBe, sized } from "./http.ts";
import { imageOf, normalised } from "./images.ts";

const API_VERSION = { "docker-distribution-api-version": "registry/2.0" };

/**
 * The pull half of the distribution specification.
 * @param path what follows `/v2/`
 */
export async function registry(request: Request, store: R2Store, path: string): Promise<Response> {
  mustBe(request, "GET", "HEAD");
  if (path === "") return json({}, 200, API_VERSION);
  const { searchParams } = new URL(request.url);
  const [, name = "", kind, item = ""] = /^(.+)\/(manifests|blobs|tags)\/([^/]+)$/.exec(path) ?? [];
  if (kind === "manifests") return await sendManifest(store, name, item);
  if (kind === "blobs") return await sendBlob(request, store, item);
  if (kind === "tags" && item === "list") return await sendTags(store, name, searchParams);
  throw new HttpError(404, "UNSUPPORTED", `Cannot find /v2/${path}: there is nothing of that kind`);
}

async function sendManifest(store: R2Store, name: string, reference: string): Promise<Response> {
  const found = await found404("MANIFEST_UNKNOWN", async () => {
    const target = isDigest(reference) ? { digest: reference } : (await imageOf(store, `${name}:${reference}`)).target;
    const { size } = await store.content.info(target.digest);
    if (size > DOCUMENT_LIMIT) throw noManifest(target.digest);
    return { target, bytes: await readBlobBytes(store.content, { size, ...target }) };
  });
  const { target, bytes } = found;
  return sized(toReadableStream(bytes), bytes.byteLength, {
    headers: {
      ...API_VERSION,
      "content-type": manifestType(target, bytes),
      "docker-content-digest": target.digest,
      etag: `"${target.digest}"`,
    },
  });
}

/**
 * The media type of a manifest or index: what it says of itself, or else what it has the fields of. Any blob can be asked for by its
 * digest, and what a layer says of itself is its author's whim.
 * @param target what names it by a tag says its type too, and must not say another one
 * @throws HttpError 404 for all else
 */
function manifestType(target: { readonly digest: Digest; readonly mediaType?: string }, bytes: Uint8Array): string {
  try {
    const what = `manifest ${target.digest}`;
    const [parse, isKind, usual] =
      detectDocument(bytes, what) === "index"
        ? [parseIndex, isIndex, OCI_TYPES.index]
        : [parseManifest, isManifest, OCI_TYPES.manifest];
    const type = parse(bytes, what, target.mediaType).mediaType ?? target.mediaType ?? usual;
    if (isKind(type)) return type;
  } catch (error) {
    // A layer, a config or something else.
    if (!isSlipwayError(error)) throw error;
  }
  throw noManifest(target.digest);
}

const noManifest = (digest: Digest): HttpError =>
  new HttpError(404, "MANIFEST_UNKNOWN", `Cannot find manifest ${digest}: that blob is no manifest`);

async function sendBlob(request: Request, { content }: R2Store, digest: string): Promise<Response> {
  if (!isDigest(digest)) {
    throw new HttpError(
      400,
      "DIGEST_INVALID",
      `Cannot find blob ${JSON.stringify(digest.slice(0, 200))}: it is no digest`,
    );
  }
  const { size } = await found404("BLOB_UNKNOWN", () => content.info(digest));
  const headers = {
    ...API_VERSION,
    "content-type": "application/octet-stream",
    "accept-ranges": "bytes",
    "docker-content-digest": digest,
    etag: `"${digest}"`,
  };
  const range = rangeOf(request.headers.get("range"), size);
  if (range === undefined) {
    // A blob that is not what its digest says breaks off before its last bytes: nobody takes it for complete.
    return sized(toReadableStream(readBlob(content, { digest, size })), size, { headers });
  }
  const { offset, length } = range;
  // Of a part nobody can tell here whether it is right: who puts parts together checks the digest of the whole.
  return sized(toReadableStream(content.open(digest, range)), length, {
    status: 206,
    headers: { ...headers, "content-range": `bytes ${offset}-${offset + length - 1}/${size}` },
  });
}

/** One range of bytes; undefined for a whole blob, also where several ranges are asked for. @throws HttpError 416 */
function rangeOf(
  header: string | null,
  size: number,
): { readonly offset: number; readonly length: number } | undefined {
  const [, first = "", last = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? "") ?? [];
  if (first === "" && last === "") return undefined;
  const offset = first === "" ? Math.max(size - Number(last), 0) : Number(first);
  const end = first === "" || last === "" ? size : Math.min(Number(last) + 1, size);
  if (offset < end) return { offset, length: end - offset };
  throw new HttpError(416, "SIZE_INVALID", `Cannot read ${header} of ${size} bytes`, {
    "content-range": `bytes */${size}`,
  });
}

async function sendTags({ images }: R2Store, name: string, query: URLSearchParams): Promise<Response> {
  const repository = repositoryName(parseReference(normalised(`${name}:latest`)));
  const all = (await images.list())
    .map((image) => parseReference(image.name))
    .filter((reference) => repositoryName(reference) === repository)
    .flatMap(({ tag }) => tag ?? [])
    .sort();
  if (all.length === 0) throw new HttpError(404, "NAME_UNKNOWN", `Cannot find repository ${name}: it has no images`);
  const last = query.get("last");
  const after = last === null ? all : all.filter((tag) => tag > last);
  const limit = query.get("n") ?? String(after.length);
  if (!/^\d{1,9}$/.test(limit)) {
    throw new HttpError(400, "PAGINATION_NUMBER_INVALID", `Cannot list ${JSON.stringify(limit)} tags: n is a number`);
  }
  const tags = after.slice(0, Number(limit));
  const next = tags.at(-1);
  const link =
    next === undefined || tags.length === after.length
      ? {}
      : { link: `</v2/${name}/tags/list?n=${limit}&last=${encodeURIComponent(next)}>; rel="next"` };
  return json({ name, tags }, 200, { ...API_VERSION, ...link });
}

/** Says what is not there in the registry's own words. */
async function found404<T>(code: string, find: () => Promise<T>): Promise<T> {
  try {
    return await find();
  } catch (error) {
    if (isSlipwayError(error, "NOT_FOUND")) throw new HttpError(404, code, error.message);
    if (isSlipwayError(error, "INVALID_REFERENCE")) throw new HttpError(400, "NAME_INVALID", error.message);
    throw error;
  }
}
