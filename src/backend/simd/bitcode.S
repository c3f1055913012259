// Embeds the bitcode modules; the build adds their folder to the assembler's include path.
.macro module level
    .globl sinter_simd_\level, sinter_simd_\level\()_end
    .hidden sinter_simd_\level, sinter_simd_\level\()_end
    .balign 16
sinter_simd_\level:
    .incbin "math_\level\().bc"
sinter_simd_\level\()_end:
.endm

    .section .rodata
    module v2
    module v3
    module v4

    .section .note.GNU-stack, "", @progbits
