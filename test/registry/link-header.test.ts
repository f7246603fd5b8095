import { describe, expect, it } from "vitest";
import { SlipwayError } from "../../src/errors.ts";
import { nextLink } from "../../src/registry/link-header.ts";

const next = (link: string | undefined, registry = "registry.example"): string | undefined =>
  nextLink(
    {
      headers: new Headers(link === undefined ? {} : { link }),
      url: "https://relay.example/registry.example/v2/a/tags/list",
    },
    "/v2/a/tags/list?n=2",
    registry,
    (reason) => new SlipwayError("INVALID_RESPONSE", reason),
  );

describe("the next page of a list (RFC 8288)", () => {
  it.each([
    [undefined, undefined],
    ['</v2/a/tags/list?last=b>; rel="next"', "/v2/a/tags/list?last=b"],
    ["</v2/a/tags/list?last=b>;rel=next", "/v2/a/tags/list?last=b"],
    ['<list?last=b>; rel="next"', "/v2/a/tags/list?last=b"],
    ['<?last=b>; rel="prev  NEXT"', "/v2/a/tags/list?last=b"],
    ['</v2/x>; rel="prev", </v2/y>; rel="next"', "/v2/y"],
    ['</v2/x?a=1,2;b>; title="a, <b>; rel=next"; rel=prev, </v2/y> ; Rel = "next"', "/v2/y"],
    ['</v2/x>; title="say \\"next\\""; rel=next', "/v2/x"],
    ["</v2/x>; rel=prev; rel=next", undefined],
    ['</v2/x>; rel="nextish"', undefined],
    ["</v2/x>", undefined],
    ["nonsense", undefined],
    ['<http://registry.example/v2/x?last=b#c>; rel="next"', "/v2/x?last=b"],
    ['<https://relay.example/v2/x>; rel="next"', "/v2/x"],
    ['</v2/a/../b/tags/list>; rel="next"', "/v2/b/tags/list"],
  ])("of %j is %j", (link, path) => {
    expect(next(link)).toBe(path);
  });

  it.each([
    "https://registry.example:444/v2/x",
    "https://registry.example.evil/v2/x",
    "//e.example/v2/x",
    "javascript:1",
    "/other",
    "/v2/../x",
    "http://[/v2/",
  ])("is not %j", (target) => {
    expect(() => next(`<${target}>; rel="next"`)).toThrow(SlipwayError);
  });
});
