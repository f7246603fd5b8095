import type { SlipwayError } from "../errors.ts";
import type { RegistryResponse } from "./transport.ts";

/** `<target>; name=value; name="value", <target>…`, RFC 8288, 3: a target with all its parameters. */
const LINK = /<([^<>]*)>((?:\s*;\s*[^\s=;,]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s";,]*))?)*)/g;
const PARAMETER = /;\s*([^\s=;,]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s";,]*))/g;

/** Stands for the registry where a link does not name it. */
const HERE = "https://registry.invalid";

/**
 * Where the next page is, as a path of the registry's API. What a link may not do is to lead to another host: who follows has the
 * registry's credentials.
 * @param path of the request that was answered
 * @param refuse makes the error
 */
export function nextLink(
  { headers, url: answeredAt }: Pick<RegistryResponse, "headers" | "url">,
  path: string,
  registry: string,
  refuse: (reason: string) => SlipwayError,
): string | undefined {
  const header = headers.get("link");
  const target = header === null ? undefined : nextTarget(header);
  if (target === undefined) return undefined;
  const shown = JSON.stringify(target.slice(0, 300));
  const base = new URL(path, HERE);
  if (!URL.canParse(target, base)) throw refuse(`the registry names ${shown} as the next page, which is no address`);
  const url = new URL(target, base);
  const hosts = [base.host, registry, ...(URL.canParse(answeredAt) ? [new URL(answeredAt).host] : [])];
  if (!/^https?:$/.test(url.protocol) || !hosts.includes(url.host)) {
    throw refuse(`the registry names ${shown} as the next page, which is at another host`);
  }
  if (!url.pathname.startsWith("/v2/"))
    throw refuse(`the registry names ${shown} as the next page, which is none of its API`);
  return url.pathname + url.search;
}

function nextTarget(header: string): string | undefined {
  for (const [, target, parameters = ""] of header.matchAll(LINK)) {
    // The first `rel` counts; it may have several values.
    const rel = [...parameters.matchAll(PARAMETER)].find(([, name]) => name?.toLowerCase() === "rel");
    const relations = (rel?.[2] ?? rel?.[3] ?? "").toLowerCase().split(/\s+/);
    if (relations.includes("next")) return target;
  }
  return undefined;
}
