/* SPDX-License-Identifier: Apache-2.0 */
/* A 512-byte guest that tells what it reads: prints the CMOS clock (CCYYMMDDhhmmss) on COM1 about once a second.
 * With -DSET_HOUR=0xNN it first writes that hour (BCD) into the clock, with -DSET_SAME the hour it reads, as an
 * operating system does that keeps its time in the RTC.
 *
 *   as: gcc -m32 -c -o rtc.o rtc.S && ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o rtc.img rtc.o
 */
    .code16
    .globl _start
_start:
    cli
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %ss
    movw $0x7c00, %sp
    call show
#if defined(SET_HOUR) || defined(SET_SAME)
    movb $0x04, %al             /* hours */
    outb %al, $0x70
    inb $0x71, %al
    movb %al, %cl
#ifdef SET_HOUR
    movb $SET_HOUR, %cl
#endif
    movb $0x0b, %al             /* register B: hold updates while writing */
    outb %al, $0x70
    inb $0x71, %al
    movb %al, %bl
    orb $0x80, %al
    movb %al, %ah
    movb $0x0b, %al
    outb %al, $0x70
    movb %ah, %al
    outb %al, $0x71
    movb $0x04, %al
    outb %al, $0x70
    movb %cl, %al
    outb %al, $0x71
    movb $0x0b, %al
    outb %al, $0x70
    movb %bl, %al
    andb $0x7f, %al
    outb %al, $0x71
#endif
forever:
    call show
    movw $18, %cx               /* ticks of the BIOS's timer in a second; the CPU sleeps meanwhile */
1:  sti
    hlt
    cli
    loop 1b
    jmp forever

show:                           /* century year month day hour minute second */
    movw $order, %si
1:  lodsb
    cmpb $0xff, %al
    je 2f
    outb %al, $0x70
    inb $0x71, %al
    movb %al, %bl
    shrb $4, %al
    call digit
    movb %bl, %al
    andb $15, %al
    call digit
    jmp 1b
2:  movb $'\n', %al
    jmp putc
digit:
    addb $'0', %al
putc:
    pushw %ax
1:  movw $0x3fd, %dx
    inb %dx, %al
    testb $0x20, %al
    jz 1b
    popw %ax
    movw $0x3f8, %dx
    outb %al, %dx
    ret
order:
    .byte 0x32, 9, 8, 7, 4, 2, 0, 0xff
    .org 510
    .word 0xaa55
