import { SlipwayError } from "../errors.ts";
import { formatReference, parseReference, type Reference, repositoryName } from "../oci/reference.ts";
import { invalidOption } from "./option-values.ts";

/**
 * Image names of the option `name`: one, a comma separated list, or an array of these; normalised, each once, in the order given.
 * @param byDigest the option by which images get no tags: names are repositories then
 * @throws SlipwayError `INVALID_OPTION` for what is no reference, or one by digest: an image's digest is known after its export
 */
export function parseNames(option: string, value: unknown, byDigest?: string): readonly string[] {
  if (value === undefined || value === "") return [];
  const given: readonly unknown[] = Array.isArray(value) ? value : [value];
  const names = given.flatMap((item) => {
    if (typeof item === "string") return item.split(",");
    throw invalidOption(option, value, "an image name or a list of them");
  });
  return [
    ...new Set(
      names.map((name) => {
        const reference = parseName(option, name);
        if (byDigest === undefined) return formatReference(reference);
        if (/:[^/]*$/.test(name)) throw invalidOption(option, name, `a name without a tag together with ${byDigest}`);
        return repositoryName(reference);
      }),
    ),
  ];
}

function parseName(option: string, name: string): Reference {
  let reference: Reference;
  try {
    reference = parseReference(name);
  } catch (cause) {
    const reason = cause instanceof SlipwayError ? ` (${cause.message})` : "";
    throw invalidOption(option, name, `an image name such as example.org/team/app:1.0${reason}`, cause);
  }
  if (reference.digest === undefined) return reference;
  throw invalidOption(option, name, "a name without a digest: the digest follows from the export");
}
