import { SlipwayError } from "../index.ts";
import { formatReference, parseReference } from "../oci/index.ts";

/** Where an image is that somebody named on the command line. */
export type ImageArgument =
  | {
      readonly kind: "layout" | "oci-archive" | "docker-archive";
      readonly path: string;
      readonly tag: string | undefined;
    }
  /** `docker://NAME`: at a registry and nowhere else. */
  | { readonly kind: "registry"; readonly name: string }
  /** Just a name: what it means is the command's. */
  | { readonly kind: "name"; readonly name: string };

const KINDS = { oci: "layout", "oci-archive": "oci-archive", "docker-archive": "docker-archive" } as const;

/** In the words of the help and of messages. */
export const IMAGE_FORMS = "docker://NAME, oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:TAG]";

/** Transports of other tools that we do not have: better refused than taken for a name. */
const FOREIGN = /^(docker|docker-daemon|containers-storage|containers-image|dir|ostree|sif|registry|https?):/;

/** As skopeo and podman have it. */
const REGISTRY = "docker://";

/**
 * Reads the form that skopeo and podman use: `oci:DIR:TAG` and its like, `docker://NAME` for a registry; anything else is a name. The path
 * ends at its first colon, as there; the rest is a tag or a whole name. `oci:DIR@sha256:…` names a manifest by its digest.
 * @throws SlipwayError `INVALID_ARGUMENT`, `UNSUPPORTED`, `INVALID_REFERENCE` for a name at a registry that is none
 */
export function parseImageArgument(text: string): ImageArgument {
  if (text.startsWith(REGISTRY)) {
    const name = text.slice(REGISTRY.length);
    formatReference(parseReference(name));
    return { kind: "registry", name };
  }
  const [, transport, rest = ""] = /^(oci|oci-archive|docker-archive):(.*)$/s.exec(text) ?? [];
  if (transport === undefined) {
    // `docker:27` is an image of that name; the transport has slashes.
    if (FOREIGN.test(text) && !/^(docker|registry):[\w.-]+(@|$)/.test(text)) {
      throw new SlipwayError("UNSUPPORTED", `Cannot use ${JSON.stringify(text)}: write ${IMAGE_FORMS}, or a name`);
    }
    if (text === "") throw new SlipwayError("INVALID_ARGUMENT", `Cannot use an empty image name; write ${IMAGE_FORMS}`);
    return { kind: "name", name: text };
  }
  const digest = /^([^:]*)@((?:sha256|sha512):.*)$/s.exec(rest);
  const [, path = "", tag] = digest ?? /^([^:]*)(?::(.*))?$/s.exec(rest) ?? [];
  if (path === "" || tag === "") {
    throw new SlipwayError("INVALID_ARGUMENT", `Cannot use ${JSON.stringify(text)}: write ${IMAGE_FORMS}`);
  }
  return { kind: KINDS[transport as keyof typeof KINDS], path, tag };
}

/**
 * A name at a registry, with or without `docker://`.
 * @throws SlipwayError `INVALID_ARGUMENT` for what is at no registry, `INVALID_REFERENCE`
 */
export function parseRegistryArgument(text: string): string {
  const argument = parseImageArgument(text);
  if (argument.kind !== "registry" && argument.kind !== "name") {
    throw new SlipwayError(
      "INVALID_ARGUMENT",
      `Cannot use ${JSON.stringify(text)}: it is at no registry; write HOST/NAME[:TAG] or docker://NAME[:TAG]`,
    );
  }
  formatReference(parseReference(argument.name));
  return argument.name;
}
