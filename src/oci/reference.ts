import { SlipwayError } from "../errors.ts";
import { type Digest, isDigest } from "./digest.ts";

/** An image's name, normalised: `alpine` is `docker.io/library/alpine:latest`. */
export interface Reference {
  /** Registry host, with its port if it has one: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly domain: string;
  /** Repository at that registry: `library/alpine`. At most 255 characters. */
  readonly path: string;
  /** 1 to 128 letters, digits, `_`, `.` and `-`. Absent only if there is a digest. */
  readonly tag?: string;
  /** Names one content for good; where both are given, it counts and the tag is a note. */
  readonly digest?: Digest;
}

const DEFAULT_DOMAIN = "docker.io";
const LEGACY_DEFAULT_DOMAIN = "index.docker.io";
const OFFICIAL_PREFIX = "library/";
const DEFAULT_TAG = "latest";

const PATH_LIMIT = 255;
/** Longer than any valid reference with a digest; what is longer is not looked at more closely. */
const LENGTH_LIMIT = 2048;

const DOMAIN_LABEL = /^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?$/;
const IPV6 = /^\[[A-Fa-f0-9:]+\]$/;
const PATH_COMPONENT = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/**
 * Reads an image reference as Docker does (distribution/reference): `NAME[:TAG][@DIGEST]`, where the name's first part is a registry
 * if it has a dot, a colon or an upper-case letter, or is `localhost`; otherwise the registry is `docker.io`. Without tag and digest the
 * tag is `latest`.
 * @throws SlipwayError `INVALID_REFERENCE` saying what is wrong with it
 */
export function parseReference(text: string): Reference {
  const refuse = (reason: string): SlipwayError =>
    new SlipwayError("INVALID_REFERENCE", `Cannot use image name ${JSON.stringify(text.slice(0, 300))}: ${reason}`);
  if (text === "") throw refuse("it is empty");
  if (text.length > LENGTH_LIMIT) throw refuse(`it has ${text.length} characters`);
  if (/^[a-f0-9]{64}$/.test(text)) throw refuse("64 hex digits are an image's ID, not a name");

  const at = text.indexOf("@");
  const named = at < 0 ? text : text.slice(0, at);
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest)) {
    throw refuse(`${JSON.stringify(digest)} is no digest (sha256:<64 hex digits> or sha512:<128 hex digits>)`);
  }
  const { domain, rest } = splitDomain(named);
  const colon = rest.indexOf(":");
  const path = colon < 0 ? rest : rest.slice(0, colon);
  const tag = colon < 0 ? undefined : rest.slice(colon + 1);

  const wrongDomain = domainProblem(domain);
  if (wrongDomain !== undefined) throw refuse(wrongDomain);
  const wrongPath = pathProblem(path);
  if (wrongPath !== undefined) throw refuse(wrongPath);
  if (tag !== undefined && !isTag(tag)) {
    throw refuse(
      `the tag ${JSON.stringify(tag.slice(0, 200))} must be 1 to 128 letters, digits, "_", "." and "-", and not begin with "." or "-"`,
    );
  }
  const shownTag = tag ?? (digest === undefined ? DEFAULT_TAG : undefined);
  return {
    domain,
    path,
    ...(shownTag === undefined ? {} : { tag: shownTag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** The whole reference: `docker.io/library/alpine:latest`, with `@DIGEST` if it has one. */
export function formatReference(reference: Reference): string {
  return repositoryName(reference) + suffix(reference);
}

/** Registry and repository, without tag and digest: `docker.io/library/alpine`. */
export function repositoryName({ domain, path }: Reference): string {
  return `${domain}/${path}`;
}

/** The reference as Docker shows it: without `docker.io/`, and without `library/` there. `alpine:latest`. */
export function familiarName(reference: Reference): string {
  const { domain, path } = reference;
  if (domain !== DEFAULT_DOMAIN) return formatReference(reference);
  const official = path.startsWith(OFFICIAL_PREFIX) ? path.slice(OFFICIAL_PREFIX.length) : undefined;
  return (official === undefined || official.includes("/") ? path : official) + suffix(reference);
}

/** Whether text can be a tag. */
export function isTag(text: string): boolean {
  return TAG.test(text);
}

function suffix({ tag, digest }: Reference): string {
  return (tag === undefined ? "" : `:${tag}`) + (digest === undefined ? "" : `@${digest}`);
}

function splitDomain(name: string): { readonly domain: string; readonly rest: string } {
  const slash = name.indexOf("/");
  if (slash < 0) return { domain: DEFAULT_DOMAIN, rest: OFFICIAL_PREFIX + name };
  const first = name.slice(0, slash);
  const isDomain = first === "localhost" || /[.:]/.test(first) || first.toLowerCase() !== first;
  const domain = !isDomain || first === LEGACY_DEFAULT_DOMAIN ? DEFAULT_DOMAIN : first;
  const rest = isDomain ? name.slice(slash + 1) : name;
  const isOfficial = domain === DEFAULT_DOMAIN && !rest.includes("/");
  return { domain, rest: isOfficial ? OFFICIAL_PREFIX + rest : rest };
}

function domainProblem(domain: string): string | undefined {
  const [, host = "", port] = /^(\[.*\]|[^:]*)(?::(.*))?$/s.exec(domain) ?? [];
  if (port !== undefined && !/^[0-9]+$/.test(port)) return `${JSON.stringify(port)} is no port number`;
  if (IPV6.test(host) || host.split(".").every((label) => DOMAIN_LABEL.test(label))) return undefined;
  return `${JSON.stringify(host)} is no host name of a registry`;
}

function pathProblem(path: string): string | undefined {
  if (path.toLowerCase() !== path) return `the repository name ${JSON.stringify(path)} must be lower case`;
  const wrong = path.split("/").find((component) => !PATH_COMPONENT.test(component));
  if (wrong === "") return `the repository name ${JSON.stringify(path)} has an empty part`;
  if (wrong !== undefined) {
    return `the part ${JSON.stringify(wrong)} must be lower-case letters and digits, separated by ".", "_", "__" or "-"`;
  }
  return path.length > PATH_LIMIT
    ? `the repository name has ${path.length} characters, more than ${PATH_LIMIT}`
    : undefined;
}
