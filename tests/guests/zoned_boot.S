/* SPDX-License-Identifier: Apache-2.0 */
/* The boot sector of the guest in zoned.c: reads the seven sectors behind it and runs them. */
    .code16
    .section .boot, "ax"
    .globl boot_drive
_start:
    ljmp $0, $1f
1:  cli
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl $0x7c00, %esp
    movb %dl, boot_drive
    sti
    movw $packet, %si
    movb $0x42, %ah             /* INT 13h: extended read */
    int $0x13
    jc 2f
    calll run
2:  hlt
    jmp 2b
boot_drive:
    .byte 0
packet:
    .byte 16, 0
    .word 7, 0x7e00, 0
    .quad 1
    .org 510
    .word 0xaa55
