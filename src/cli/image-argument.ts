import { SlipwayError } from "../index.ts";

/** Where an image is that somebody named on the command line. */
export type ImageArgument =
  | {
      readonly kind: "layout" | "oci-archive" | "docker-archive";
      readonly path: string;
      readonly tag: string | undefined;
    }
  | { readonly kind: "name"; readonly name: string };

const KINDS = { oci: "layout", "oci-archive": "oci-archive", "docker-archive": "docker-archive" } as const;

/** In the words of the help and of messages. */
export const IMAGE_FORMS = "oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:TAG]";

/** Transports of other tools that we do not have: better refused than taken for a name. */
const FOREIGN = /^(docker|docker-daemon|containers-storage|containers-image|dir|ostree|sif|registry|https?):/;

/**
 * Reads the form that skopeo and podman use: `oci:DIR:TAG` and its like; anything else is a name. The path ends at its first
 * colon, as there; the rest is a tag or a whole name. `oci:DIR@sha256:…` names a manifest by its digest.
 * @throws SlipwayError `INVALID_ARGUMENT`, `UNSUPPORTED`
 */
export function parseImageArgument(text: string): ImageArgument {
  const [, transport, rest = ""] = /^(oci|oci-archive|docker-archive):(.*)$/s.exec(text) ?? [];
  if (transport === undefined) {
    if (FOREIGN.test(text)) {
      throw new SlipwayError(
        "UNSUPPORTED",
        `Cannot use ${JSON.stringify(text)}: images are read from ${IMAGE_FORMS}, or by a name in the store`,
      );
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
