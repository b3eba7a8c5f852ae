/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that treats its hardware clock as Windows does. It keeps local time in it and the offset from UTC (Windows: ActiveTimeBias)
 * on its disk. At boot it takes the RTC for local time with the offset that it stored, derives UTC from that, looks up what offset its
 * zone has at that moment, and where that is another one writes both the RTC and the disk. While it runs it does the same at each
 * change of its zone. About once a second it says on COM1 what it reads and what it makes of it:
 *
 *   BOOT 20270328015959                 the UTC that it derived when it came up, before it corrected anything
 *   20270328025959                      the RTC
 *   UTC 20270328015959 3600             the UTC that follows, with the offset in seconds
 *
 * The disk (sectors of 512 bytes): 0 to 7 this program, 8 its zone, 9 what it stored. Without a stored offset it is the first boot:
 * the RTC is taken for the zone's local time and written, as Windows does when its zone is set.
 *
 * Built for real mode: gcc -m16, entered at 0x7c00 by the sector in zoned_boot.S, which reads the rest. Times are seconds since 2000. */
#include <stdbool.h>
#include <stdint.h>

#define ZONE_SECTOR 8
#define STATE_SECTOR 9
#define CHANGES_MAX 62
#define DAYS_TO_2000 730425 /* from 1 March of the year 0 to 1 January 2000 */

/* What the test wrote: offsets in the order of time; the first one has been in force for ever. */
typedef struct {
    char magic[4]; /* "ZONE" */
    uint32_t n;
    struct {
        uint32_t since;
        int32_t offset_s;
    } changes[CHANGES_MAX];
    uint32_t unused[2];
} Zone;

typedef struct {
    char magic[4]; /* "KEPT" */
    int32_t offset_s;
    uint8_t unused[504];
} State;

typedef struct {
    uint32_t year, month, day, hour, minute, second;
} Civil;

/* INT 13h, AH=42h and 43h. */
typedef struct {
    uint8_t size, zero;
    uint16_t n, offset, segment;
    uint64_t sector;
} __attribute__ ((packed)) Packet;

extern const uint8_t boot_drive;

static Zone zone __attribute__ ((section (".data"))) = { { 0 }, 0, { { 0, 0 } }, { 0 } };
static State state __attribute__ ((section (".data"))) = { { 0 }, 0, { 0 } };

/* ---- ports ---- */

static void
out (uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "d"(port));
}

static uint8_t
in (uint16_t port)
{
    uint8_t value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "d"(port));
    return value;
}

static void
say_char (char c)
{
    while ((in (0x3fd) & 0x20) == 0)
        ;
    out (0x3f8, (uint8_t)c);
}

static void
say (const char *text)
{
    while (*text != '\0')
        say_char (*text++);
}

static void
say_number (uint32_t number, uint32_t digits)
{
    uint32_t unit = 1;

    for (uint32_t i = 1; i < digits || (digits == 0 && number / unit >= 10); i++)
        unit *= 10;
    for (; unit > 0; unit /= 10)
        say_char ((char)('0' + number / unit % 10));
}

/* ---- the disk ---- */

static bool
transfer (uint8_t function, uint32_t sector, void *buffer)
{
    Packet packet = { sizeof packet, 0, 1, (uint16_t)(uintptr_t)buffer, 0, sector };
    uint16_t ax = (uint16_t)(function << 8);
    uint8_t failed;

    __asm__ volatile("int $0x13\n\tsetc %1"
                     : "+a"(ax), "=qm"(failed)
                     : "d"((uint16_t)boot_drive), "S"((uint16_t)(uintptr_t)&packet)
                     : "memory", "cc");
    return failed == 0;
}

/* ---- the calendar (proleptic Gregorian, years from March) ---- */

static uint32_t
days_of (const Civil *c)
{
    uint32_t year = c->month <= 2 ? c->year - 1 : c->year, month = (c->month + 9) % 12;

    return 365 * year + year / 4 - year / 100 + year / 400 + (month * 306 + 5) / 10 + c->day - 1
           - DAYS_TO_2000;
}

static uint32_t
seconds_of (const Civil *c)
{
    return ((days_of (c) * 24 + c->hour) * 60 + c->minute) * 60 + c->second;
}

static Civil
civil_of (uint32_t seconds)
{
    Civil c = { 2000, 1, 1, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60 };
    uint32_t days = seconds / 86400;

    while (days_of (&(Civil){ .year = c.year + 1, .month = 1, .day = 1 }) <= days)
        c.year++;
    while (c.month < 12
           && days_of (&(Civil){ .year = c.year, .month = c.month + 1, .day = 1 }) <= days)
        c.month++;
    c.day = 1 + days - days_of (&c);
    return c;
}

/* ---- the RTC: BCD, 24 hours, century in 0x32 ---- */

static const uint8_t registers[] = { 9, 8, 7, 4, 2, 0 };

static uint32_t
read_register (uint8_t which)
{
    uint8_t bcd;

    out (0x70, which);
    bcd = in (0x71);
    return (uint32_t)(bcd >> 4) * 10 + (bcd & 15);
}

static void
write_register (uint8_t which, uint32_t value)
{
    out (0x70, which);
    out (0x71, (uint8_t)(value / 10 << 4 | value % 10));
}

static void
read_once (uint32_t *values)
{
    for (uint32_t i = 0; i < sizeof registers; i++)
        values[i] = read_register (registers[i]);
}

/* Two equal readings: none of them stands across an update. */
static Civil
read_rtc (void)
{
    uint32_t a[sizeof registers], b[sizeof registers];
    bool equal;

    do {
        read_once (a);
        read_once (b);
        equal = true;
        for (uint32_t i = 0; i < sizeof registers; i++)
            equal = equal && a[i] == b[i];
    } while (!equal);
    return (Civil){ read_register (0x32) * 100 + a[0], a[1], a[2], a[3], a[4], a[5] };
}

static void
write_rtc (const Civil *c)
{
    const uint32_t values[] = { c->year % 100, c->month, c->day, c->hour, c->minute, c->second };
    uint8_t control;

    out (0x70, 0x0b);
    control = in (0x71);
    out (0x70, 0x0b);
    out (0x71, control | 0x80); /* hold updates */
    write_register (0x32, c->year / 100);
    for (uint32_t i = 0; i < sizeof registers; i++)
        write_register (registers[i], values[i]);
    out (0x70, 0x0b);
    out (0x71, control & 0x7f);
}

/* ---- what Windows does ---- */

static int32_t
offset_at (uint32_t utc)
{
    int32_t offset_s = zone.changes[0].offset_s;

    for (uint32_t i = 1; i < zone.n && zone.changes[i].since <= utc; i++)
        offset_s = zone.changes[i].offset_s;
    return offset_s;
}

static void
keep (uint32_t utc, int32_t offset_s)
{
    Civil local = civil_of (utc + (uint32_t)offset_s);

    write_rtc (&local);
    state.offset_s = offset_s;
    state.magic[0] = 'K', state.magic[1] = 'E', state.magic[2] = 'P', state.magic[3] = 'T';
    if (!transfer (0x43, STATE_SECTOR, &state))
        say ("the disk does not take what I store\n");
}

static void
say_time (const Civil *c)
{
    say_number (c->year, 4);
    say_number (c->month, 2);
    say_number (c->day, 2);
    say_number (c->hour, 2);
    say_number (c->minute, 2);
    say_number (c->second, 2);
}

static void
look (bool boot)
{
    Civil rtc = read_rtc ();
    uint32_t local = seconds_of (&rtc), utc = local - (uint32_t)state.offset_s;
    int32_t offset_s = offset_at (utc);

    if (state.magic[0] != 'K') {
        offset_s = offset_at (local - (uint32_t)offset_at (local));
        utc = local - (uint32_t)offset_s;
    }
    if (boot) {
        Civil derived = civil_of (utc);

        say ("\nBOOT ");
        say_time (&derived);
        say ("\n");
    }
    if (state.magic[0] != 'K' || offset_s != state.offset_s) {
        say ("WRITES\n");
        keep (utc, offset_s);
        rtc = read_rtc ();
        utc = seconds_of (&rtc) - (uint32_t)offset_s;
    }

    Civil universal = civil_of (utc);
    say_time (&rtc);
    say ("\nUTC ");
    say_time (&universal);
    say (" ");
    if (state.offset_s < 0)
        say ("-");
    say_number ((uint32_t)(state.offset_s < 0 ? -state.offset_s : state.offset_s), 0);
    say ("\n");
}

void run (void);

void
run (void)
{
    if (!transfer (0x42, ZONE_SECTOR, &zone) || zone.magic[0] != 'Z' || zone.n == 0
        || zone.n > CHANGES_MAX || !transfer (0x42, STATE_SECTOR, &state)) {
        say ("NO ZONE\n");
        for (;;)
            __asm__ volatile("hlt");
    }
    for (bool boot = true;; boot = false) {
        look (boot);
        /* Ticks of the BIOS's timer in a second; the CPU sleeps meanwhile. */
        for (uint32_t i = 0; i < 18; i++)
            __asm__ volatile("sti\n\thlt\n\tcli");
    }
}
