import { DOCKER_TYPES, OCI_TYPES } from "../oci/media-types.ts";

/** What an answer may say that its body is: documents of registries by their names, and what browsers show as no page. */
const CONTENT_TYPES: ReadonlySet<string> = new Set([
  ...Object.values(OCI_TYPES),
  ...Object.values(DOCKER_TYPES),
  "application/json",
  "application/octet-stream",
  "application/x-tar",
]);

/**
 * The same answer with the headers that every answer of an API has which hands out what others have put there: none of it can become
 * a page with the rights of the API's origin. Its type is not guessed, runs no script and loads nothing; a type that is none of
 * registries' documents, JSON, a tar or plain bytes becomes `application/octet-stream`.
 *
 * Relays do this by themselves. An endpoint does it last of all with whatever it answers, errors and redirects too; pages that it
 * serves from its own files are not for this, they have a policy of their own.
 */
export function apiResponse(response: Response): Response {
  const answer = new Response(response.body, response);
  const { headers } = answer;
  headers.set("content-security-policy", "default-src 'none'; sandbox");
  headers.set("x-content-type-options", "nosniff");
  const type = headers.get("content-type");
  if (type !== null) headers.set("content-type", knownType(type));
  else if (answer.body !== null) headers.set("content-type", "application/octet-stream");
  return answer;
}

/** Without parameters: of JSON they say nothing, and the others have none. */
function knownType(header: string): string {
  const [type = ""] = header.split(";");
  const known = type.trim().toLowerCase();
  return CONTENT_TYPES.has(known) ? known : "application/octet-stream";
}
