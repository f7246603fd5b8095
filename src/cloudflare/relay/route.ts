/** What a caller of a registry wants to do there, in the words of token scopes. */
export type RelayAction = "pull" | "push" | "delete";

/** An address of a registry's API that the relay passes on. */
export interface ApiRoute {
  readonly kind: "api";
  /** The same for the registry: `/v2/library/alpine/manifests/3`. */
  readonly path: string;
  /** Absent for `/v2/` itself. */
  readonly repository?: string;
  /** Methods that there are, and what each is for. */
  readonly methods: Readonly<Record<string, RelayAction>>;
}

/** The relay's own address for a registry's token service. */
export interface TokenRoute {
  readonly kind: "token";
}

const PULL = { GET: "pull", HEAD: "pull" } as const;

const COMPONENT = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const NAME = `(${COMPONENT}(?:/${COMPONENT})*)`;
const TAG = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}";
const DIGEST = "[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[A-Za-z0-9=_-]{32,256}";
/** Registries choose it themselves. */
const SESSION = "[A-Za-z0-9_~=-][A-Za-z0-9._~!$&'()*+,;=:@-]{0,2047}";

/** The ends of the distribution specification, "Endpoints", with their methods. */
const ENDPOINTS: readonly (readonly [RegExp, Readonly<Record<string, RelayAction>>])[] = [
  [endpoint(""), PULL],
  [endpoint(`${NAME}/manifests/(?:${TAG}|${DIGEST})`), { ...PULL, PUT: "push", DELETE: "delete" }],
  [endpoint(`${NAME}/blobs/${DIGEST}`), { ...PULL, DELETE: "delete" }],
  [endpoint(`${NAME}/blobs/uploads/`), { POST: "push" }],
  // Without the "s" at GitHub's registry.
  [endpoint(`${NAME}/blobs/uploads?/${SESSION}`), { GET: "push", PATCH: "push", PUT: "push", DELETE: "push" }],
  [endpoint(`${NAME}/tags/list`), PULL],
  [endpoint(`${NAME}/referrers/${DIGEST}`), PULL],
];

/** Longest repository name (distribution-spec, "Pulling manifests"). */
const NAME_LIMIT = 255;

function endpoint(path: string): RegExp {
  return new RegExp(`^/v2/${path}$`);
}

/**
 * What is meant by a path, or undefined if it is nothing that a registry has by the specification. The path is matched as a whole and
 * taken literally: but for colons nothing in it may be percent-encoded, so that nobody can read it in another way further on.
 * @param path what follows the registry's name in the relay's address: `/v2/…`, `/token`
 */
export function parseRoute(path: string): ApiRoute | TokenRoute | undefined {
  if (path === "/token") return { kind: "token" };
  return parseApiPath(path === "/v2" ? "/v2/" : path);
}

/** As {@link parseRoute}, of paths of the registry itself. */
export function parseApiPath(encoded: string): ApiRoute | undefined {
  const path = encoded.replace(/%3a/gi, ":");
  for (const [pattern, methods] of ENDPOINTS) {
    const match = pattern.exec(path);
    if (match === null) continue;
    const [, repository] = match;
    if (repository === undefined) return { kind: "api", path, methods };
    return repository.length > NAME_LIMIT ? undefined : { kind: "api", path, repository, methods };
  }
  return undefined;
}
