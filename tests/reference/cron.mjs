/* cron.mjs - when a schedule comes, by trying every minute, for the reference evaluator. */

const MINUTE = 60000, HOUR = 3600000;
const names = { jan: 1, feb: 2, mar: 3, apr: 4, may: 5, jun: 6, jul: 7, aug: 8, sep: 9, oct: 10,
                nov: 11, dec: 12, sun: 0, mon: 1, tue: 2, wed: 3, thu: 4, fri: 5, sat: 6 };
const nicknames = { "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0",
                    "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *" };
const ranges = [[0, 59], [0, 23], [1, 31], [1, 12], [0, 7]];

function parse(cron) {
    return (nicknames[cron] ?? cron).trim().split(/\s+/).map((field, i) => {
        const on = new Set();
        for (const part of field.toLowerCase().split(",")) {
            const [range, step] = part.split("/");
            const ends = range === "*" ? ranges[i] : range.split("-").map((n) => names[n] ?? +n);
            const last = ends[1] ?? (step ? ranges[i][1] : ends[0]);
            for (let n = ends[0]; n <= last; n += Number(step ?? 1))
                on.add(i === 4 ? n % 7 : n);
        }
        return { on, any: field === "*" };
    });
}

export class Cron {
    constructor(cron, zone = "UTC") {
        this.fields = parse(cron);
        this.format = new Intl.DateTimeFormat("en-US", {
            timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric",
            hour: "numeric", minute: "numeric", second: "numeric" });
        this.offsets = new Map();
    }

    /* What a clock on the wall shows, as if it were UTC; asked once for a quarter of an hour. */
    local(at) {
        const quarter = Math.floor(at / (HOUR / 4));
        let offset = this.offsets.get(quarter);
        if (offset === undefined) {
            const p = Object.fromEntries(this.format.formatToParts(quarter * HOUR / 4)
                .map((part) => [part.type, Number(part.value)]));
            offset = Date.UTC(p.year, p.month - 1, p.day, p.hour, p.minute, p.second) -
                quarter * HOUR / 4;
            this.offsets.set(quarter, offset);
        }
        return at + offset;
    }

    shows(wall) {
        const [minutes, hours, days, months, weekdays] = this.fields;
        const t = new Date(wall);
        const day = days.on.has(t.getUTCDate()), weekday = weekdays.on.has(t.getUTCDay());

        return minutes.on.has(t.getUTCMinutes()) && hours.on.has(t.getUTCHours()) &&
            months.on.has(t.getUTCMonth() + 1) &&
            (days.any || weekdays.any ? day && weekday : day || weekday);
    }

    /* Whether this minute is one: it matches and did not come before, an hour or two ago (unless it
     * comes every hour anyhow), or a matching one was left out right before it. */
    is(at) {
        const wall = this.local(at), before = this.local(at - MINUTE);

        for (let left = before + MINUTE; left < wall; left += MINUTE)
            if (this.shows(left))
                return true;
        if (!this.shows(wall))
            return false;
        for (let back = MINUTE; back <= 2 * HOUR && this.fields[1].on.size < 24; back += MINUTE)
            if (this.local(at - back) === wall)
                return false;
        return true;
    }

    /* The first one behind `from`; none within two years counts as never. */
    next(from) {
        for (let at = (Math.floor(from / MINUTE) + 1) * MINUTE; at < from + 731 * 24 * HOUR;
             at += MINUTE)
            if (this.is(at))
                return at;
        return Infinity;
    }

    /* All occurrences behind `from`, up to and including `to`. */
    between(from, to) {
        const found = [];
        for (let at = (Math.floor(from / MINUTE) + 1) * MINUTE; at <= to; at += MINUTE)
            if (this.is(at))
                found.push(at);
        return found;
    }
}
