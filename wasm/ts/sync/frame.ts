/**
 * What travels over a link. One byte says what it is, then 16 bytes each say from whom and to whom (zeros: to everybody
 * on the link), then follows the content. A server that relays passes frames on by these 33 bytes and reads no more.
 */
export interface Frame {
  readonly kind: FrameKind;
  /** A UUID. */
  readonly from: string;
  /** A UUID; nothing: everybody. */
  readonly to: string | undefined;
  readonly content: Uint8Array;
}

/** The kinds of frames; more may come, and unknown ones are passed over. */
export enum FrameKind {
  /** I am here, and take part. Content: the store's UUID, and 1 if the receiver shall say the same. */
  Hello = 1,
  /** A message of a replica. */
  Message = 2,
  /** What I show to the others: see `Presence`. */
  Presence = 3,
  /** I go. No content. */
  Bye = 4,
  /** I do not know you any more: come back under another name. No content. */
  Refused = 5,
}

/** How many bytes a frame has besides its content. */
export const HEADER = 33;
const EVERYBODY = "00000000-0000-0000-0000-000000000000";

export function encodeFrame({ kind, from, to, content }: Frame): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER + content.length);
  bytes[0] = kind;
  putUuid(bytes, 1, from);
  putUuid(bytes, 17, to ?? EVERYBODY);
  bytes.set(content, HEADER);
  return bytes;
}

/** Nothing, if it is no frame. */
export function decodeFrame(bytes: Uint8Array): Frame | undefined {
  const kind = bytes[0];
  if (bytes.length < HEADER || kind === undefined) return undefined;
  const to = uuidAt(bytes, 17);
  return { kind, from: uuidAt(bytes, 1), to: to === EVERYBODY ? undefined : to, content: bytes.slice(HEADER) };
}

/** The content of a hello. */
export function helloOf(storeId: string, answer: boolean): Uint8Array {
  const content = new Uint8Array(17);
  putUuid(content, 0, storeId);
  content[16] = answer ? 1 : 0;
  return content;
}

export function readHello(content: Uint8Array): { readonly storeId: string; readonly answer: boolean } | undefined {
  return content.length < 17 ? undefined : { storeId: uuidAt(content, 0), answer: content[16] === 1 };
}

function putUuid(bytes: Uint8Array, at: number, uuid: string): void {
  const digits = uuid.replaceAll("-", "");
  for (let i = 0; i < 16; i++) bytes[at + i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
}

function uuidAt(bytes: Uint8Array, at: number): string {
  const digits = Array.from(bytes.subarray(at, at + 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
