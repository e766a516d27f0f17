/* Numbers and arrays as text: what Python 3 and numpy 2.4 printed for the same values. */
#include "core/format.h"

#include <cornu/tensor.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct format_case {
    cn_dtype dtype;
    int rank;
    int64_t shape[4];
    double values[40];
    int64_t integers[2]; /* for what a double does not hold */
    bool ramp;           /* 0, 1, 2 …, divided by `divisor` if it is not 0 */
    double divisor;
    const char *text;
} format_case;

/* clang-format off */
static const format_case cases[] = {
    {CN_FLOAT32, 1, {3}, .values = {1.0, 2.5, -3.0}, .text =
        "[ 1.   2.5 -3. ]"},
    {CN_FLOAT64, 1, {3}, .values = {0.1, 0.2, 0.3}, .text =
        "[0.1 0.2 0.3]"},
    {CN_FLOAT64, 1, {3}, .values = {0.3333333333333333, 0.6666666666666666, 1.0}, .text =
        "[0.33333333 0.66666667 1.        ]"},
    {CN_FLOAT64, 1, {2}, .values = {100000000.0, 1.0}, .text =
        "[1.e+08 1.e+00]"},
    {CN_FLOAT64, 1, {2}, .values = {99000000.0, 100000.0}, .text =
        "[99000000.   100000.]"},
    {CN_FLOAT32, 1, {2}, .values = {9.999999747378752e-05, 0.05000000074505806}, .text =
        "[0.0001 0.05  ]"},
    {CN_FLOAT64, 1, {2}, .values = {9e-05, 1.0}, .text =
        "[9.e-05 1.e+00]"},
    {CN_FLOAT64, 1, {2}, .values = {1.0, 1000.0}, .text =
        "[   1. 1000.]"},
    {CN_FLOAT64, 1, {2}, .values = {1.0, 1001.0}, .text =
        "[1.000e+00 1.001e+03]"},
    {CN_FLOAT32, 1, {2}, .values = {1000000.0, 10000.0}, .text =
        "[1.e+06 1.e+04]"},
    {CN_FLOAT32, 1, {2}, .values = {999999.0, 5000.0}, .text =
        "[999999.   5000.]"},
    {CN_FLOAT32, 1, {3}, .values = {NAN, 1.0, INFINITY}, .text =
        "[nan  1. inf]"},
    {CN_FLOAT64, 1, {2}, .values = {-INFINITY, NAN}, .text =
        "[-inf  nan]"},
    {CN_FLOAT64, 1, {1}, .values = {NAN}, .text =
        "[nan]"},
    {CN_FLOAT64, 1, {3}, .values = {INFINITY, 1e-09, -25000000000.0}, .text =
        "[     inf  1.0e-09 -2.5e+10]"},
    {CN_FLOAT64, 1, {2}, .values = {0.0, -0.0}, .text =
        "[ 0. -0.]"},
    {CN_FLOAT32, 2, {2, 2}, .values = {1.5, -0.25, 0.0010000000474974513, 100.0}, .text =
        "[[ 1.5e+00 -2.5e-01]\n"
        " [ 1.0e-03  1.0e+02]]"},
    {CN_FLOAT64, 3, {2, 0, 3}, .values = {0}, .text =
        "[]"},
    {CN_FLOAT32, 1, {0}, .values = {0}, .text =
        "[]"},
    {CN_FLOAT32, 4, {1, 1, 1, 1}, .values = {0.0}, .text =
        "[[[[0.]]]]"},
    {CN_FLOAT32, 2, {3, 3}, .values = {0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0}, .text =
        "[[0.    0.125 0.25 ]\n"
        " [0.375 0.5   0.625]\n"
        " [0.75  0.875 1.   ]]"},
    {CN_FLOAT32, 3, {2, 3, 4}, .values = {0.0, 0.1428571492433548, 0.2857142984867096, 0.4285714328289032, 0.5714285969734192, 0.7142857313156128, 0.8571428656578064, 1.0, 1.1428571939468384, 1.2857142686843872, 1.4285714626312256, 1.5714285373687744, 1.7142857313156128, 1.8571428060531616, 2.0, 2.142857074737549, 2.2857143878936768, 2.4285714626312256, 2.5714285373687744, 2.7142856121063232, 2.857142925262451, 3.0, 3.142857074737549, 3.2857143878936768}, .text =
        "[[[0.         0.14285715 0.2857143  0.42857143]\n"
        "  [0.5714286  0.71428573 0.85714287 1.        ]\n"
        "  [1.1428572  1.2857143  1.4285715  1.5714285 ]]\n"
        "\n"
        " [[1.7142857  1.8571428  2.         2.142857  ]\n"
        "  [2.2857144  2.4285715  2.5714285  2.7142856 ]\n"
        "  [2.857143   3.         3.142857   3.2857144 ]]]"},
    {CN_FLOAT64, 4, {2, 2, 2, 2}, .values = {0.0, 0.3333333333333333, 0.6666666666666666, 1.0, 1.3333333333333333, 1.6666666666666667, 2.0, 2.3333333333333335, 2.6666666666666665, 3.0, 3.3333333333333335, 3.6666666666666665, 4.0, 4.333333333333333, 4.666666666666667, 5.0}, .text =
        "[[[[0.         0.33333333]\n"
        "   [0.66666667 1.        ]]\n"
        "\n"
        "  [[1.33333333 1.66666667]\n"
        "   [2.         2.33333333]]]\n"
        "\n"
        "\n"
        " [[[2.66666667 3.        ]\n"
        "   [3.33333333 3.66666667]]\n"
        "\n"
        "  [[4.         4.33333333]\n"
        "   [4.66666667 5.        ]]]]"},
    {CN_INT64, 1, {30}, .ramp = true, .text =
        "[ 0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15 16 17 18 19 20 21 22 23\n"
        " 24 25 26 27 28 29]"},
    {CN_INT8, 1, {6}, .values = {-3.0, -2.0, -1.0, 0.0, 1.0, 2.0}, .text =
        "[-3 -2 -1  0  1  2]"},
    {CN_INT64, 1, {2}, .integers = {0x7fffffffffffffff, INT64_MIN}, .text =
        "[ 9223372036854775807 -9223372036854775808]"},
    {CN_UINT64, 1, {2}, .integers = {0xffffffffffffffff, 0x0}, .text =
        "[18446744073709551615                    0]"},
    {CN_UINT8, 2, {2, 2}, .values = {200.0, 3.0, 40.0, 255.0}, .text =
        "[[200   3]\n"
        " [ 40 255]]"},
    {CN_BOOL, 1, {3}, .values = {1.0, 0.0, 1.0}, .text =
        "[ True False  True]"},
    {CN_BOOL, 2, {2, 1}, .values = {1.0, 0.0}, .text =
        "[[ True]\n"
        " [False]]"},
    {CN_BOOL, 0, {0}, .values = {1.0}, .text =
        "True"},
    {CN_INT32, 0, {0}, .values = {7.0}, .text =
        "7"},
    {CN_FLOAT32, 0, {0}, .values = {2.5}, .text =
        "2.5"},
    {CN_FLOAT32, 0, {0}, .values = {0.10000000149011612}, .text =
        "0.1"},
    {CN_FLOAT64, 0, {0}, .values = {0.1}, .text =
        "0.1"},
    {CN_FLOAT32, 0, {0}, .values = {1000000.0}, .text =
        "1e+06"},
    {CN_FLOAT64, 0, {0}, .values = {1e+16}, .text =
        "1e+16"},
    {CN_FLOAT32, 0, {0}, .values = {NAN}, .text =
        "nan"},
    {CN_FLOAT16, 0, {0}, .values = {1234.0}, .text =
        "1.234e+03"},
    {CN_FLOAT32, 0, {0}, .values = {9.000000136438757e-05}, .text =
        "9e-05"},
    {CN_FLOAT16, 1, {3}, .values = {0.0999755859375, 1.0, 65504.0}, .text =
        "[1.00e-01 1.00e+00 6.55e+04]"},
    {CN_FLOAT16, 1, {3}, .values = {0.0999755859375, 1.0, 100.0}, .text =
        "[  0.1   1.  100. ]"},
    {CN_BFLOAT16, 1, {5}, .values = {1.5, 1.0013580322265625e-05, 30064771072.0, 100.0, NAN}, .text =
        "[1.5 1.00136e-05 3.00648e+10 100 nan]"},
    {CN_BFLOAT16, 0, {0}, .values = {1.1015625}, .text =
        "1.10156"},
    {CN_INT64, 1, {1001}, .ramp = true, .text =
        "[   0    1    2 ...  998  999 1000]"},
    {CN_FLOAT32, 2, {2, 501}, .ramp = true, .text =
        "[[0.000e+00 1.000e+00 2.000e+00 ... 4.980e+02 4.990e+02 5.000e+02]\n"
        " [5.010e+02 5.020e+02 5.030e+02 ... 9.990e+02 1.000e+03 1.001e+03]]"},
    {CN_INT32, 3, {8, 8, 16}, .ramp = true, .text =
        "[[[   0    1    2 ...   13   14   15]\n"
        "  [  16   17   18 ...   29   30   31]\n"
        "  [  32   33   34 ...   45   46   47]\n"
        "  ...\n"
        "  [  80   81   82 ...   93   94   95]\n"
        "  [  96   97   98 ...  109  110  111]\n"
        "  [ 112  113  114 ...  125  126  127]]\n"
        "\n"
        " [[ 128  129  130 ...  141  142  143]\n"
        "  [ 144  145  146 ...  157  158  159]\n"
        "  [ 160  161  162 ...  173  174  175]\n"
        "  ...\n"
        "  [ 208  209  210 ...  221  222  223]\n"
        "  [ 224  225  226 ...  237  238  239]\n"
        "  [ 240  241  242 ...  253  254  255]]\n"
        "\n"
        " [[ 256  257  258 ...  269  270  271]\n"
        "  [ 272  273  274 ...  285  286  287]\n"
        "  [ 288  289  290 ...  301  302  303]\n"
        "  ...\n"
        "  [ 336  337  338 ...  349  350  351]\n"
        "  [ 352  353  354 ...  365  366  367]\n"
        "  [ 368  369  370 ...  381  382  383]]\n"
        "\n"
        " ...\n"
        "\n"
        " [[ 640  641  642 ...  653  654  655]\n"
        "  [ 656  657  658 ...  669  670  671]\n"
        "  [ 672  673  674 ...  685  686  687]\n"
        "  ...\n"
        "  [ 720  721  722 ...  733  734  735]\n"
        "  [ 736  737  738 ...  749  750  751]\n"
        "  [ 752  753  754 ...  765  766  767]]\n"
        "\n"
        " [[ 768  769  770 ...  781  782  783]\n"
        "  [ 784  785  786 ...  797  798  799]\n"
        "  [ 800  801  802 ...  813  814  815]\n"
        "  ...\n"
        "  [ 848  849  850 ...  861  862  863]\n"
        "  [ 864  865  866 ...  877  878  879]\n"
        "  [ 880  881  882 ...  893  894  895]]\n"
        "\n"
        " [[ 896  897  898 ...  909  910  911]\n"
        "  [ 912  913  914 ...  925  926  927]\n"
        "  [ 928  929  930 ...  941  942  943]\n"
        "  ...\n"
        "  [ 976  977  978 ...  989  990  991]\n"
        "  [ 992  993  994 ... 1005 1006 1007]\n"
        "  [1008 1009 1010 ... 1021 1022 1023]]]"},
    {CN_FLOAT32, 2, {1000, 2}, .ramp = true, .divisor = 7, .text =
        "[[0.0000000e+00 1.4285715e-01]\n"
        " [2.8571430e-01 4.2857143e-01]\n"
        " [5.7142860e-01 7.1428573e-01]\n"
        " ...\n"
        " [2.8485715e+02 2.8500000e+02]\n"
        " [2.8514285e+02 2.8528571e+02]\n"
        " [2.8542856e+02 2.8557144e+02]]"},
    {CN_INT64, 1, {1000}, .ramp = true, .text =
        "[  0   1   2   3   4   5   6   7   8   9  10  11  12  13  14  15  16  17\n"
        "  18  19  20  21  22  23  24  25  26  27  28  29  30  31  32  33  34  35\n"
        "  36  37  38  39  40  41  42  43  44  45  46  47  48  49  50  51  52  53\n"
        "  54  55  56  57  58  59  60  61  62  63  64  65  66  67  68  69  70  71\n"
        "  72  73  74  75  76  77  78  79  80  81  82  83  84  85  86  87  88  89\n"
        "  90  91  92  93  94  95  96  97  98  99 100 101 102 103 104 105 106 107\n"
        " 108 109 110 111 112 113 114 115 116 117 118 119 120 121 122 123 124 125\n"
        " 126 127 128 129 130 131 132 133 134 135 136 137 138 139 140 141 142 143\n"
        " 144 145 146 147 148 149 150 151 152 153 154 155 156 157 158 159 160 161\n"
        " 162 163 164 165 166 167 168 169 170 171 172 173 174 175 176 177 178 179\n"
        " 180 181 182 183 184 185 186 187 188 189 190 191 192 193 194 195 196 197\n"
        " 198 199 200 201 202 203 204 205 206 207 208 209 210 211 212 213 214 215\n"
        " 216 217 218 219 220 221 222 223 224 225 226 227 228 229 230 231 232 233\n"
        " 234 235 236 237 238 239 240 241 242 243 244 245 246 247 248 249 250 251\n"
        " 252 253 254 255 256 257 258 259 260 261 262 263 264 265 266 267 268 269\n"
        " 270 271 272 273 274 275 276 277 278 279 280 281 282 283 284 285 286 287\n"
        " 288 289 290 291 292 293 294 295 296 297 298 299 300 301 302 303 304 305\n"
        " 306 307 308 309 310 311 312 313 314 315 316 317 318 319 320 321 322 323\n"
        " 324 325 326 327 328 329 330 331 332 333 334 335 336 337 338 339 340 341\n"
        " 342 343 344 345 346 347 348 349 350 351 352 353 354 355 356 357 358 359\n"
        " 360 361 362 363 364 365 366 367 368 369 370 371 372 373 374 375 376 377\n"
        " 378 379 380 381 382 383 384 385 386 387 388 389 390 391 392 393 394 395\n"
        " 396 397 398 399 400 401 402 403 404 405 406 407 408 409 410 411 412 413\n"
        " 414 415 416 417 418 419 420 421 422 423 424 425 426 427 428 429 430 431\n"
        " 432 433 434 435 436 437 438 439 440 441 442 443 444 445 446 447 448 449\n"
        " 450 451 452 453 454 455 456 457 458 459 460 461 462 463 464 465 466 467\n"
        " 468 469 470 471 472 473 474 475 476 477 478 479 480 481 482 483 484 485\n"
        " 486 487 488 489 490 491 492 493 494 495 496 497 498 499 500 501 502 503\n"
        " 504 505 506 507 508 509 510 511 512 513 514 515 516 517 518 519 520 521\n"
        " 522 523 524 525 526 527 528 529 530 531 532 533 534 535 536 537 538 539\n"
        " 540 541 542 543 544 545 546 547 548 549 550 551 552 553 554 555 556 557\n"
        " 558 559 560 561 562 563 564 565 566 567 568 569 570 571 572 573 574 575\n"
        " 576 577 578 579 580 581 582 583 584 585 586 587 588 589 590 591 592 593\n"
        " 594 595 596 597 598 599 600 601 602 603 604 605 606 607 608 609 610 611\n"
        " 612 613 614 615 616 617 618 619 620 621 622 623 624 625 626 627 628 629\n"
        " 630 631 632 633 634 635 636 637 638 639 640 641 642 643 644 645 646 647\n"
        " 648 649 650 651 652 653 654 655 656 657 658 659 660 661 662 663 664 665\n"
        " 666 667 668 669 670 671 672 673 674 675 676 677 678 679 680 681 682 683\n"
        " 684 685 686 687 688 689 690 691 692 693 694 695 696 697 698 699 700 701\n"
        " 702 703 704 705 706 707 708 709 710 711 712 713 714 715 716 717 718 719\n"
        " 720 721 722 723 724 725 726 727 728 729 730 731 732 733 734 735 736 737\n"
        " 738 739 740 741 742 743 744 745 746 747 748 749 750 751 752 753 754 755\n"
        " 756 757 758 759 760 761 762 763 764 765 766 767 768 769 770 771 772 773\n"
        " 774 775 776 777 778 779 780 781 782 783 784 785 786 787 788 789 790 791\n"
        " 792 793 794 795 796 797 798 799 800 801 802 803 804 805 806 807 808 809\n"
        " 810 811 812 813 814 815 816 817 818 819 820 821 822 823 824 825 826 827\n"
        " 828 829 830 831 832 833 834 835 836 837 838 839 840 841 842 843 844 845\n"
        " 846 847 848 849 850 851 852 853 854 855 856 857 858 859 860 861 862 863\n"
        " 864 865 866 867 868 869 870 871 872 873 874 875 876 877 878 879 880 881\n"
        " 882 883 884 885 886 887 888 889 890 891 892 893 894 895 896 897 898 899\n"
        " 900 901 902 903 904 905 906 907 908 909 910 911 912 913 914 915 916 917\n"
        " 918 919 920 921 922 923 924 925 926 927 928 929 930 931 932 933 934 935\n"
        " 936 937 938 939 940 941 942 943 944 945 946 947 948 949 950 951 952 953\n"
        " 954 955 956 957 958 959 960 961 962 963 964 965 966 967 968 969 970 971\n"
        " 972 973 974 975 976 977 978 979 980 981 982 983 984 985 986 987 988 989\n"
        " 990 991 992 993 994 995 996 997 998 999]"},
    {CN_FLOAT64, 1, {12}, .values = {-0.0055, -0.0045000000000000005, -0.0035, -0.0025, -0.0015, -0.0005, 0.0005, 0.0015, 0.0025, 0.0035, 0.0045000000000000005, 0.0055}, .text =
        "[-0.0055 -0.0045 -0.0035 -0.0025 -0.0015 -0.0005  0.0005  0.0015  0.0025\n"
        "  0.0035  0.0045  0.0055]"},
    {CN_FLOAT64, 1, {12}, .values = {9.5367431640625e-07, 3.814697265625e-06, 1.52587890625e-05, 6.103515625e-05, 0.000244140625, 0.0009765625, 0.00390625, 0.015625, 0.0625, 0.25, 1.0, 4.0}, .text =
        "[9.53674316e-07 3.81469727e-06 1.52587891e-05 6.10351562e-05\n"
        " 2.44140625e-04 9.76562500e-04 3.90625000e-03 1.56250000e-02\n"
        " 6.25000000e-02 2.50000000e-01 1.00000000e+00 4.00000000e+00]"},
    {CN_FLOAT64, 1, {2}, .values = {5e-324, 1.7976931348623157e+308}, .text =
        "[4.94065646e-324 1.79769313e+308]"},
    {CN_FLOAT32, 1, {2}, .values = {123456.7890625, 0.5}, .text =
        "[1.2345679e+05 5.0000000e-01]"},
    {CN_FLOAT64, 1, {2}, .values = {1e+100, 1e-100}, .text =
        "[1.e+100 1.e-100]"},
};
/* clang-format on */

static cn_tensor *case_tensor(const format_case *c)
{
    cn_tensor *t = cn_tensor_new(c->dtype, c->rank, c->shape, NULL);
    assert_non_null(t);
    int64_t n = cn_tensor_size(t);
    for (int64_t i = 0; i < n; i++) {
        if (c->integers[0] != 0) {
            ((int64_t *)cn_tensor_data_mutable(t))[i] = c->integers[i];
            continue;
        }
        double value = !c->ramp          ? c->values[i]
                       : c->divisor != 0 ? (double)i / c->divisor
                                         : (double)i;
        cn__write(c->dtype, cn_tensor_data_mutable(t), i, value);
    }
    return t;
}

static void test_arrays(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cn_tensor *t = case_tensor(&cases[i]);
        assert_string_equal(cn_tensor_string(t), cases[i].text);
        char small[8];
        memset(small, 'x', sizeof small);
        size_t length = strlen(cases[i].text);
        assert_int_equal(cn_tensor_format(t, small, sizeof small), length);
        assert_int_equal(strncmp(small, cases[i].text, 7), 0);
        assert_int_equal(strlen(small), length < 7 ? length : 7);
        assert_int_equal(cn_tensor_format(t, NULL, 0), length);
        cn_free(t);
    }
}

static void test_doubles(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } doubles[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1.0, "1.0"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1e-4, "0.0001"},
        {9.9e-5, "9.9e-05"},
        {1e-7, "1e-07"},
        {1e15, "1000000000000000.0"},
        {9999999999999998.0, "9999999999999998.0"},
        {1e16, "1e+16"},
        {1.5e16, "1.5e+16"},
        {1e22, "1e+22"},
        {1e23, "1e+23"},
        {123456789.125, "123456789.125"},
        {5e-324, "5e-324"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {0.0005000000237487257, "0.0005000000237487257"},
        {0.425385445356369, "0.425385445356369"},
        {7.120236347223045e-307,
         "7.120236347223045e-307"}, /* a power of two: its shortest is not the nearest */
        {-1.25e-10, "-1.25e-10"},
        {NAN, "nan"},
        {-NAN, "nan"},
        {INFINITY, "inf"},
        {-INFINITY, "-inf"},
    };
    char text[32];
    for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++) {
        assert_string_equal(cn_format_double(doubles[i].value, text, sizeof text), doubles[i].text);
    }
    assert_string_equal(cn__format_float(0.1f, text, sizeof text), "0.1");
    assert_string_equal(cn__format_float(1e-7f, text, sizeof text), "1e-07");
    assert_string_equal(cn_format_double(0.125, text, 4), "0.1");
}

/* Every power of two, and its neighbours, must read back as it was. */
static void test_round_trip(void **state)
{
    (void)state;
    char text[32];
    for (int e = -1074; e < 1024; e++) {
        double x = ldexp(1, e);
        assert_true(strtod(cn_format_double(x, text, sizeof text), NULL) == x);
        assert_true(strtod(cn_format_double(nextafter(x, 0), text, sizeof text), NULL) ==
                    nextafter(x, 0));
    }
}

/* A program may have set a locale whose decimal point is a comma; such a one may not be installed
 * here. */
static void test_locale(void **state)
{
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"};
    bool found = false;
    for (size_t i = 0; i < sizeof names / sizeof *names && !found; i++) {
        found = setlocale(LC_NUMERIC, names[i]) != NULL;
    }
    if (!found) {
        skip();
    }
    char text[32];
    assert_string_equal(cn_format_double(0.5, text, sizeof text), "0.5");
    assert_string_equal(cn_tensor_string(cn_array(1.5, 2)), "[1.5 2. ]");
    setlocale(LC_NUMERIC, "C");
}

static void test_words(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"Conv2D", "conv2d"},
        {"MaxPooling2D", "max_pooling2d"},
        {"PReLU", "p_re_lu"},
        {"Dense", "dense"},
        {"Conv2DTranspose", "conv2d_transpose"},
        {"LSTM", "lstm"},
        {"BatchNormalization", "batch_normalization"},
        {"LeakyReLU", "leaky_re_lu"},
        {"GlobalAveragePooling1D", "global_average_pooling1d"},
        {"ELU", "elu"},
        {"My_Layer", "my__layer"},
        {"A", "a"},
        {"", ""},
        {"InputLayer", "input_layer"},
        {"UpSampling2D", "up_sampling2d"},
        {"GRUCell", "gru_cell"},
        {"StackedRNNCells", "stacked_rnn_cells"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *snake = cn__snake_case(names[i][0]);
        assert_string_equal(snake, names[i][1]);
        cn__free_mem(snake);
    }
    char text[32];
    assert_string_equal(cn__format_thousands(0, text, sizeof text), "0");
    assert_string_equal(cn__format_thousands(999, text, sizeof text), "999");
    assert_string_equal(cn__format_thousands(34826, text, sizeof text), "34,826");
    assert_string_equal(cn__format_thousands(-1234567, text, sizeof text), "-1,234,567");
    assert_string_equal(cn__format_thousands(INT64_MIN, text, sizeof text),
                        "-9,223,372,036,854,775,808");
}

static void test_wrong_use(void **state)
{
    (void)state;
    char text[8] = "before";
    assert_null(cn_tensor_string(NULL));
    assert_int_not_equal(cn_error_code(), 0);
    assert_int_equal(cn_tensor_format(NULL, text, sizeof text), 0);
    assert_string_equal(text, "");
    cn_error_clear();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arrays),     cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_locale),
        cmocka_unit_test(test_words),      cmocka_unit_test(test_wrong_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
