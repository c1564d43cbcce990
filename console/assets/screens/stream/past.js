// The past of a stream: pages of it on from a place, and back from one.
import { exchange, streamPath, withTexts } from "../../api.js";

/** Messages of a page. */
export const pageSize = 50;
/** Messages that the gateway looks at for one page with a filter. */
export const searched = 1000;
/** Pages that one search asks for, at most. */
const searches = 10;
/** Messages by which a search goes back at a time. The gateway may look at those behind them, too. */
const searchedBack = 500;

/**
 * What was found: the messages, how many before them are no longer kept, the number of the first that the stream keeps,
 * the place behind those that were looked at, and whether there are more behind it.
 * @typedef {{messages: {seq: number, time: string, text: string}[], dropped: number, firstSeq: number, next: {from: string, epoch: string}, more: boolean}} Found
 */

export class Past {
  /** @param {import("../stream.js").StreamView} view @param {any} filter */
  constructor(view, filter) {
    this.view = view;
    this.filter = filter;
  }

  /** Asks for one page. @param {{from: string | number, epoch: string | null, limit: number}} query @returns {Promise<Found>} */
  async page(query) {
    const { text, value } = await exchange("GET", streamPath(this.view.name, "messages"),
      { query: { ...query, filter: this.filter && JSON.stringify(this.filter) }, signal: this.view.signal });
    return { messages: withTexts(text, value), dropped: value.dropped ?? 0, firstSeq: value.firstSeq,
      next: { from: value.next ?? String(value.nextSeq), epoch: value.epoch }, more: value.next !== null };
  }

  /** On from a place, up to so many messages. With a filter it is a search, up to a number. @param {{from: string, epoch: string | null}} place @returns {Promise<Found>} */
  async on(place, wanted = pageSize, end = Infinity) {
    const found = await this.page({ ...place, limit: wanted });
    for (let i = 1; this.filter && i < searches && found.more && found.messages.length < wanted && Number(found.next.from) < end; i++) {
      const page = await this.page({ ...found.next, limit: wanted - found.messages.length });
      found.messages.push(...page.messages);
      found.next = page.next;
      found.more = page.more;
    }
    return found;
  }

  /**
   * The messages before a number, up to that number. They are fewer than a page if they are so large that one answer
   * does not hold them all: it would hold the oldest.
   * @param {number} end @param {number} first that the stream keeps @param {string | null} epoch @returns {Promise<Found>}
   */
  async before(end, first, epoch = null) {
    for (let n = pageSize; ; ) {
      const from = Math.max(first, end - n);
      const found = await this.page({ from, epoch, limit: Math.max(1, end - from) });
      found.messages = found.messages.filter((m) => m.seq < end);
      if (n === 1 || !found.more || Number(found.next.from) >= end) return found;
      n = Math.max(1, Math.min(n >> 1, found.messages.length));
    }
  }

  /**
   * Searches back from a number, until some messages have passed the filter. from is where it got to, and missed are the
   * first and the last number of those that it was too much work to look at.
   * @param {number} end @param {number} first that the stream keeps @param {string | null} epoch
   * @returns {Promise<{found: Found, from: number, missed?: [number, number]}>}
   */
  async searchBefore(end, first, epoch = null) {
    for (let i = 0; ; i++) {
      const from = Math.max(first, end - searchedBack);
      const found = await this.on({ from: String(from), epoch }, searchedBack, end);
      found.messages = found.messages.filter((m) => m.seq < end);
      const looked = found.more ? Number(found.next.from) : end;
      if (looked < end) return { found, from, missed: [looked, end - 1] };
      if (found.messages.length > 0 || from <= found.firstSeq || i + 1 >= searches) return { found, from };
      end = from;
    }
  }
}
