import { apiResponse, openR2 } from "slipway/cloudflare";
import { errorOf, HttpError, mustBe, withoutBody } from "./http.ts";
import { deleteImage, listImages, sendArchive, showImage } from "./images.ts";
import { postImage } from "./post-image.ts";
import { registry } from "./registry.ts";
import { relay } from "./relay.ts";
import { callLimit, type Env } from "./settings.ts";
import { mustMayWrite } from "./token.ts";

/** Answers one request. Whatever is wrong is told in JSON. */
export async function respond(request: Request, env: Env): Promise<Response> {
  let response: Response;
  try {
    response = await route(request, env);
  } catch (error) {
    const known = errorOf(error);
    if (known.status === 500) console.error(error);
    response = known.toResponse();
  }
  return apiResponse(request.method === "HEAD" ? withoutBody(response) : response);
}

async function route(request: Request, env: Env): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  const store = openR2(env.BUCKET, { callLimit: callLimit(env) });
  if (pathname.startsWith("/registry/")) return await relay(request, env);
  if (pathname === "/v2") return Response.redirect(new URL("/v2/", request.url).href, 301);
  if (pathname.startsWith("/v2/")) return await registry(request, store, decoded(pathname.slice("/v2/".length)));
  if (pathname === "/images" || pathname === "/images/") {
    mustBe(request, "GET", "HEAD");
    return await listImages(store);
  }
  if (!pathname.startsWith("/images/")) {
    throw new HttpError(
      404,
      "NOT_FOUND",
      `Cannot find ${pathname}: there are /images, /images/NAME:TAG, /v2/ and /registry/`,
    );
  }
  const name = decoded(pathname.slice("/images/".length));
  if (name.endsWith("/archive")) {
    mustBe(request, "GET", "HEAD");
    return await sendArchive(store, name.slice(0, -"/archive".length), searchParams);
  }
  mustBe(request, "GET", "HEAD", "POST", "DELETE");
  if (request.method === "POST" || request.method === "DELETE") await mustMayWrite(request, env);
  if (request.method === "POST") return await postImage(request, env, store, name);
  if (request.method === "DELETE") return await deleteImage(store, name);
  return await showImage(store, name);
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new HttpError(400, "NAME_INVALID", `Cannot read ${path}: its percent signs do not stand for UTF-8`);
  }
}
