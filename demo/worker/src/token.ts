import { HttpError } from "./http.ts";
import type { Env } from "./settings.ts";

/**
 * Lets only holders of the write token pass.
 * @throws HttpError 401 without a token, 403 with a wrong one, or if none is set
 */
export async function mustMayWrite(request: Request, { WRITE_TOKEN }: Env): Promise<void> {
  const [scheme = "", given = ""] = (request.headers.get("authorization") ?? "").split(/ +/);
  if (scheme.toLowerCase() !== "bearer" || given === "") {
    throw new HttpError(401, "UNAUTHORIZED", "Cannot write: send the write token as `Authorization: Bearer TOKEN`", {
      "www-authenticate": 'Bearer realm="slipway"',
    });
  }
  if (WRITE_TOKEN === undefined || WRITE_TOKEN === "") {
    throw new HttpError(403, "DENIED", "Cannot write: this Worker has no WRITE_TOKEN, so nobody may");
  }
  if (!(await isEqual(given, WRITE_TOKEN))) throw new HttpError(403, "DENIED", "Cannot write: that token is wrong");
}

/** Takes the same time wherever the two differ: their hashes are compared, and all of them. */
export async function isEqual(a: string, b: string): Promise<boolean> {
  const [left, right] = await Promise.all([a, b].map(hash));
  if (left === undefined || right === undefined) return false;
  let difference = 0;
  for (let i = 0; i < left.length; i++) difference |= (left[i] ?? 0) ^ (right[i] ?? 0);
  return difference === 0;
}

const hash = async (text: string): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
