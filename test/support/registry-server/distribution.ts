import { randomUUID } from "node:crypto";
import {
  digestLike,
  type Repositories,
  type StoredManifest,
  type StoredRepository,
  type StoredUpload,
} from "./repositories.ts";

/** What a server says, before any fault is done to it. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/** A request as the API sees it. */
export interface ApiRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Which parts of the specification a registry has. */
export interface DistributionOptions {
  /** The referrers API, and the `OCI-Subject` header. Default true; without it, clients keep the fallback tag. */
  readonly referrers?: boolean;
  /** Default true; otherwise 405. */
  readonly deletion?: boolean;
  /** `named`: only with `from`; `anonymous` (the default): also without, from any repository; `never`: an upload begins instead. */
  readonly mounts?: "anonymous" | "named" | "never";
  /** Whether a POST may carry the whole blob. Default true; otherwise an upload begins, and the body is thrown away. */
  readonly singlePost?: boolean;
  /** `OCI-Chunk-Min-Length`, bytes. Default none. */
  readonly minimumChunk?: number;
  /** Whether bytes of a chunk that was cut short stay. Default true. */
  readonly keepsCutChunks?: boolean;
  /** Most tags or referrers on a page. Default 100. */
  readonly pageSize?: number;
  /** Whether parts of blobs can be read. Default true; otherwise `Range` is passed by. */
  readonly ranges?: boolean;
  /** Whether a manifest may name what the repository does not have. Default false: 404. */
  readonly sparse?: boolean;
  /** An origin at which blobs lie instead: a GET of one is redirected to `ORIGIN/REPOSITORY/DIGEST`. */
  readonly storage?: string;
}

/** What a request needs leave for, as scopes: `repository:hello:pull`. Also where it is not allowed. */
export function scopesOf(method: string, url: URL): readonly string[] {
  if (url.pathname === "/v2/_catalog") return ["registry:catalog:*"];
  const route = parseRoute(url.pathname);
  if (route === undefined) return [];
  const actions =
    method === "GET" || method === "HEAD"
      ? route.kind === "uploads"
        ? "pull,push"
        : "pull"
      : method === "DELETE"
        ? "delete"
        : "pull,push";
  const from = method === "POST" ? url.searchParams.get("from") : null;
  return [`repository:${route.name}:${actions}`, ...(from === null ? [] : [`repository:${from}:pull`])];
}

interface Route {
  readonly name: string;
  readonly kind: "manifests" | "blobs" | "uploads" | "tags" | "referrers";
  readonly rest: string;
}

function parseRoute(pathname: string): Route | undefined {
  const match =
    /^\/v2\/(?<name>[a-z0-9._/-]+?)\/(?:blobs\/(?<kind>uploads)\/(?<upload>[^/]*)|(?<other>manifests|blobs|referrers)\/(?<rest>[^/]+)|(?<tags>tags)\/list)$/.exec(
      pathname,
    );
  const { name, kind, upload, other, rest, tags } = match?.groups ?? {};
  if (name === undefined) return undefined;
  return { name, kind: (kind ?? other ?? tags) as Route["kind"], rest: decodeURIComponent(upload ?? rest ?? "") };
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** An error as the specification wants it. */
export const refusal = (
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Answer => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  body: encode(JSON.stringify({ errors: [{ code, message, detail: null }] })),
});

const json = (value: unknown, headers: Readonly<Record<string, string>> = {}): Answer => ({
  status: 200,
  headers: { "content-type": "application/json", ...headers },
  body: encode(JSON.stringify(value)),
});

const MANIFEST_LIMIT = 4 * 1024 * 1024;

/** The distribution-spec's API over repositories in memory. */
export function createDistribution(
  repositories: Repositories,
  options: DistributionOptions,
): (request: ApiRequest) => Promise<Answer> {
  return async (request) => {
    const { pathname } = request.url;
    if (pathname === "/v2/" || pathname === "/v2") return json({});
    if (pathname === "/v2/_catalog") return json({ repositories: [...repositories.keys()].sort() });
    const route = parseRoute(pathname);
    if (route === undefined) return refusal(404, "NAME_UNKNOWN", `no such path: ${pathname}`);
    switch (route.kind) {
      case "manifests":
        return manifests(repositories, options, request, route);
      case "blobs":
        return blobs(repositories, options, request, route);
      case "uploads":
        return uploads(repositories, options, request, route);
      case "tags":
        return tags(repositories, options, request, route);
      case "referrers":
        return referrers(repositories, options, request, route);
    }
  };
}

const noMethod = (method: string): Answer => refusal(405, "UNSUPPORTED", `${method} is not supported here`);

async function manifests(
  repositories: Repositories,
  options: DistributionOptions,
  { method, headers, body }: ApiRequest,
  { name, rest: reference }: Route,
): Promise<Answer> {
  const repository = repositories.get(name);
  const isDigest = reference.includes(":");
  const digest = isDigest ? reference : repository?.tags.get(reference);
  const manifest = digest === undefined ? undefined : repository?.manifests.get(digest);
  switch (method) {
    case "GET":
    case "HEAD":
      if (digest === undefined || manifest === undefined) return refusal(404, "MANIFEST_UNKNOWN", "manifest unknown");
      return {
        status: 200,
        headers: { "content-type": manifest.mediaType, "docker-content-digest": digest, etag: `"${digest}"` },
        body: manifest.bytes,
      };
    case "PUT":
      return putManifest(repositories.of(name), options, name, reference, String(headers["content-type"] ?? ""), body);
    case "DELETE": {
      if (options.deletion === false) return noMethod(method);
      if (repository === undefined || digest === undefined || manifest === undefined) {
        return refusal(404, "MANIFEST_UNKNOWN", "manifest unknown");
      }
      if (!isDigest) {
        repository.tags.delete(reference);
      } else {
        repository.manifests.delete(digest);
        for (const [tag, target] of repository.tags) if (target === digest) repository.tags.delete(tag);
      }
      return { status: 202, headers: {} };
    }
    default:
      return noMethod(method);
  }
}

interface Parsed {
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly config?: { readonly mediaType: string; readonly digest: string };
  readonly layers?: readonly { readonly digest: string; readonly urls?: readonly string[] }[];
  readonly manifests?: readonly { readonly digest: string }[];
  readonly subject?: { readonly digest: string };
}

async function putManifest(
  repository: StoredRepository,
  options: DistributionOptions,
  name: string,
  reference: string,
  contentType: string,
  body: AsyncIterable<Uint8Array>,
): Promise<Answer> {
  const bytes = await collect(body);
  if (bytes.byteLength > MANIFEST_LIMIT) return refusal(413, "SIZE_INVALID", "manifest too large");
  let parsed: Parsed;
  try {
    parsed = JSON.parse(new TextDecoder().decode(bytes)) as Parsed;
  } catch {
    return refusal(400, "MANIFEST_INVALID", "manifest is not JSON");
  }
  if (contentType === "" || (parsed.mediaType !== undefined && parsed.mediaType !== contentType)) {
    return refusal(400, "MANIFEST_INVALID", "Content-Type is not the manifest's mediaType");
  }
  const digest = digestLike(reference, bytes);
  if (reference.includes(":") && reference !== digest) return refusal(400, "DIGEST_INVALID", "digest does not fit");
  const { config, layers = [], manifests = [] } = parsed;
  for (const blob of [...(config ? [config] : []), ...layers.filter(({ urls }) => urls === undefined)]) {
    if (options.sparse || repository.blobs.has(blob.digest)) continue;
    return refusal(404, "MANIFEST_BLOB_UNKNOWN", `blob unknown to registry: ${blob.digest}`);
  }
  for (const manifest of manifests) {
    if (options.sparse || repository.manifests.has(manifest.digest)) continue;
    return refusal(404, "MANIFEST_BLOB_UNKNOWN", `manifest unknown to registry: ${manifest.digest}`);
  }
  repository.manifests.set(digest, { mediaType: contentType, bytes });
  if (!reference.includes(":")) repository.tags.set(reference, digest);
  return {
    status: 201,
    headers: {
      location: `/v2/${name}/manifests/${digest}`,
      "docker-content-digest": digest,
      ...(parsed.subject && options.referrers !== false && { "oci-subject": parsed.subject.digest }),
    },
  };
}

async function blobs(
  repositories: Repositories,
  options: DistributionOptions,
  { method, headers }: ApiRequest,
  { name, rest: digest }: Route,
): Promise<Answer> {
  const blob = repositories.get(name)?.blobs.get(digest);
  if (method === "DELETE" && options.deletion === false) return noMethod(method);
  if (method !== "GET" && method !== "HEAD" && method !== "DELETE") return noMethod(method);
  if (blob === undefined) return refusal(404, "BLOB_UNKNOWN", "blob unknown to registry");
  if (method === "DELETE") {
    repositories.get(name)?.blobs.delete(digest);
    return { status: 202, headers: {} };
  }
  if (method === "GET" && options.storage !== undefined) {
    return { status: 307, headers: { location: `${options.storage}/${name}/${digest}?signature=abc` } };
  }
  return blobAnswer(blob, digest, headers.range, options.ranges !== false);
}

/** A blob or the part of it that `range` asks for. */
export function blobAnswer(blob: Uint8Array, digest: string, range: unknown, ranges = true): Answer {
  const common = {
    "content-type": "application/octet-stream",
    "docker-content-digest": digest,
    ...(ranges && { "accept-ranges": "bytes" }),
  };
  const match = ranges && typeof range === "string" ? /^bytes=(\d+)-(\d*)$/.exec(range) : null;
  if (!match) return { status: 200, headers: common, body: blob };
  const start = Number(match[1]);
  const end = match[2] ? Math.min(Number(match[2]), blob.byteLength - 1) : blob.byteLength - 1;
  if (start > end) {
    return refusal(416, "RANGE_INVALID", "no such range", { "content-range": `bytes */${blob.byteLength}` });
  }
  return {
    status: 206,
    headers: { ...common, "content-range": `bytes ${start}-${end}/${blob.byteLength}` },
    body: blob.subarray(start, end + 1),
  };
}

async function uploads(
  repositories: Repositories,
  options: DistributionOptions,
  { method, url, headers, body }: ApiRequest,
  { name, rest: id }: Route,
): Promise<Answer> {
  const repository = repositories.of(name);
  const digest = url.searchParams.get("digest");
  if (method === "POST" && id === "") {
    const mounted = mount(repositories, options, repository, name, url.searchParams);
    if (mounted !== undefined) return mounted;
    const upload: StoredUpload = { id: randomUUID(), chunks: [], size: 0, shortChunk: false };
    if (digest !== null && options.singlePost !== false) {
      await append(upload, body, true);
      return commit(repository, name, upload, digest);
    }
    for await (const _chunk of body);
    repository.uploads.set(upload.id, upload);
    return uploadAnswer(202, name, upload, {
      ...(options.minimumChunk !== undefined && { "oci-chunk-min-length": String(options.minimumChunk) }),
    });
  }
  const upload = repository.uploads.get(id);
  if (upload === undefined) {
    for await (const _chunk of body);
    return refusal(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
  }
  if (method === "GET") return uploadAnswer(204, name, upload);
  if (method === "DELETE") {
    repository.uploads.delete(id);
    return { status: 204, headers: {} };
  }
  if (method !== "PATCH" && method !== "PUT") return noMethod(method);
  const range = headers["content-range"];
  const [, start] = /^(\d+)-\d+$/.exec(String(range ?? "")) ?? [];
  if (range !== undefined && Number(start) !== upload.size) {
    for await (const _chunk of body);
    return { ...refusal(416, "RANGE_INVALID", "chunk out of order"), headers: uploadHeaders(name, upload) };
  }
  const before = upload.size;
  await append(upload, body, options.keepsCutChunks !== false);
  const added = upload.size - before;
  if (added > 0 && upload.shortChunk) {
    repository.uploads.delete(id);
    return refusal(400, "BLOB_UPLOAD_INVALID", "a chunk before the last was shorter than OCI-Chunk-Min-Length");
  }
  if (added > 0 && added < (options.minimumChunk ?? 0)) upload.shortChunk = true;
  if (method === "PATCH") return uploadAnswer(202, name, upload);
  if (digest === null) return refusal(400, "DIGEST_INVALID", "no digest");
  repository.uploads.delete(id);
  return commit(repository, name, upload, digest);
}

function mount(
  repositories: Repositories,
  options: DistributionOptions,
  repository: StoredRepository,
  name: string,
  query: URLSearchParams,
): Answer | undefined {
  const digest = query.get("mount");
  const from = query.get("from");
  if (digest === null || options.mounts === "never" || (from === null && options.mounts === "named")) return undefined;
  const sources = from === null ? [...repositories.keys()] : [from];
  const blob = sources
    .map((source) => repositories.get(source)?.blobs.get(digest))
    .find((found) => found !== undefined);
  if (blob === undefined) return undefined;
  repository.blobs.set(digest, blob);
  return created(name, digest);
}

async function append(upload: StoredUpload, body: AsyncIterable<Uint8Array>, keepsCut: boolean): Promise<void> {
  const { size } = upload;
  const count = upload.chunks.length;
  try {
    for await (const chunk of body) {
      upload.chunks.push(chunk);
      upload.size += chunk.byteLength;
    }
  } catch (error) {
    if (!keepsCut) {
      upload.chunks.splice(count);
      upload.size = size;
    }
    throw error;
  }
}

function commit(repository: StoredRepository, name: string, upload: StoredUpload, digest: string): Answer {
  if (digestLike(digest, upload.chunks) !== digest)
    return refusal(400, "DIGEST_INVALID", "provided digest did not match");
  repository.blobs.set(digest, Buffer.concat(upload.chunks));
  return created(name, digest);
}

const created = (name: string, digest: string): Answer => ({
  status: 201,
  headers: { location: `/v2/${name}/blobs/${digest}`, "docker-content-digest": digest },
});

const uploadHeaders = (name: string, { id, size }: StoredUpload): Record<string, string> => ({
  location: `/v2/${name}/blobs/uploads/${id}?_state=${size}`,
  range: `0-${Math.max(size - 1, 0)}`,
  "docker-upload-uuid": id,
});

const uploadAnswer = (
  status: number,
  name: string,
  upload: StoredUpload,
  more: Record<string, string> = {},
): Answer => ({
  status,
  headers: { ...uploadHeaders(name, upload), ...more },
});

async function tags(
  repositories: Repositories,
  { pageSize = 100 }: DistributionOptions,
  { method, url }: ApiRequest,
  { name }: Route,
): Promise<Answer> {
  if (method !== "GET") return noMethod(method);
  const repository = repositories.get(name);
  if (repository === undefined) return refusal(404, "NAME_UNKNOWN", "repository name not known to registry");
  const last = url.searchParams.get("last") ?? "";
  const count = Math.min(Number(url.searchParams.get("n") ?? pageSize), pageSize);
  const after = [...repository.tags.keys()].sort().filter((tag) => tag > last);
  const page = after.slice(0, count);
  const next = `/v2/${name}/tags/list?n=${count}&last=${encodeURIComponent(page.at(-1) ?? "")}`;
  return json({ name, tags: page }, page.length < after.length ? { link: `<${next}>; rel="next"` } : {});
}

async function referrers(
  repositories: Repositories,
  options: DistributionOptions,
  { method, url }: ApiRequest,
  { name, rest: digest }: Route,
): Promise<Answer> {
  if (method !== "GET" || options.referrers === false) return refusal(404, "NOT_FOUND", "page not found");
  const { pageSize = 100 } = options;
  const wanted = url.searchParams.get("artifactType");
  const found = [...(repositories.get(name)?.manifests ?? [])]
    .flatMap(([of, manifest]) => describe(of, manifest, digest))
    .filter(({ artifactType }) => wanted === null || artifactType === wanted);
  const start = Number(url.searchParams.get("start") ?? 0);
  const query = new URLSearchParams({
    ...(wanted !== null && { artifactType: wanted }),
    start: String(start + pageSize),
  });
  return json(
    {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: found.slice(start, start + pageSize),
    },
    {
      "content-type": "application/vnd.oci.image.index.v1+json",
      ...(wanted !== null && { "oci-filters-applied": "artifactType" }),
      ...(start + pageSize < found.length && { link: `</v2/${name}/referrers/${digest}?${query}>; rel="next"` }),
    },
  );
}

/** The descriptor of a manifest in a list of referrers, if it refers to `subject`. */
function describe(digest: string, { mediaType, bytes }: StoredManifest, subject: string) {
  const parsed = JSON.parse(new TextDecoder().decode(bytes)) as Parsed;
  if (parsed.subject?.digest !== subject) return [];
  const artifactType = parsed.artifactType ?? parsed.config?.mediaType;
  const { annotations } = parsed;
  return [{ mediaType, digest, size: bytes.byteLength, artifactType, annotations }];
}

async function collect(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}
